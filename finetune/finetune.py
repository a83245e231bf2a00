"""QiaoBan's command line, kept working: the same options, the same two JSON files.

    python finetune/finetune.py --model_config_file run_config/config.json
    deepspeed finetune/finetune.py --model_config_file run_config/config.json \
        --deepspeed run_config/deepspeed_config.json
    torchrun --nproc_per_node 4 finetune/finetune.py --model_config_file run_config/config.json

What is translated is told at the start. New runs are written as YAML: `qiaoban train`.
"""

from qiaoban_finetune.legacy_command import main

if __name__ == "__main__":
    main()
