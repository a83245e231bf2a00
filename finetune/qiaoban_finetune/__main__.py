"""`python -m qiaoban_finetune CONFIG.yaml`: `qiaoban train`, for launchers that want a module.

torchrun --nproc_per_node 4 -m qiaoban_finetune CONFIG.yaml
deepspeed --num_gpus 4 --module qiaoban_finetune CONFIG.yaml
accelerate launch -m qiaoban_finetune CONFIG.yaml
"""

import typer

from qiaoban_finetune.cli import train

if __name__ == "__main__":
    command = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    command.command()(train)
    command()
