"""A random model with a tokenizer learnt from the training data, to try a whole run with.

`model.random` of a configuration asks for it; `tiny` is the shipped one. It knows nothing but what
it is then trained on.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_agent.errors import MissingExtraError
from qiaoban_agent.models.transformers.formats import named
from qiaoban_finetune.config import ModelConfig, RandomModel, TrainingConfig
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.formats import read

_END, _UNKNOWN, _PADDING = "</s>", "<unk>", "<pad>"


def ensure_base(config: TrainingConfig) -> None:
    """Make the random model that `model.random` describes, where `model.base` is not there yet.

    Several processes may call it at once: each makes the same, and one of them puts it there.
    Raises ConfigError where the data gives no such vocabulary, MissingExtraError without torch.
    """
    shape, base = config.model.random, Path(config.model.base)
    if shape is None or (base / "config.json").is_file():
        return
    base.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{base.name}.", suffix=".part", dir=base.parent))
    try:
        _write(part, config.model, shape, _dialogues(config), config.optimiser.seed)
        part.chmod(0o755)
        part.rename(base)
    except OSError:
        if not (base / "config.json").is_file():  # else another process was first
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _dialogues(config: TrainingConfig) -> Iterator[list[dict[str, str]]]:
    for source in config.data.train:
        for dialogue in read(source.path, source.format, turns=source.turns):
            yield [{"role": said.role, "content": said.text} for said in dialogue.messages]


def _write(
    folder: Path,
    model: ModelConfig,
    shape: RandomModel,
    dialogues: Iterable[list[dict[str, str]]],
    seed: int,
) -> None:
    try:
        torch: Any = import_module("torch")
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise MissingExtraError("training", "finetune") from error
    tokenizer = _tokenizer(transformers, model, shape, dialogues)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=shape.width,
                intermediate_size=shape.inner_width,
                num_hidden_layers=shape.layers,
                num_attention_heads=shape.heads,
                max_position_embeddings=shape.positions,
                bos_token_id=None,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        made.save_pretrained(folder)


def _tokenizer(
    transformers: Any,
    model: ModelConfig,
    shape: RandomModel,
    dialogues: Iterable[list[dict[str, str]]],
) -> Any:
    """A byte-level BPE of the dialogues as the template writes them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if model.template in ("auto", "template"):
        raise ConfigError("model.template: a random model has none of its own; write qiaoban")
    chat = named(model.template)
    specials = list(dict.fromkeys([_PADDING, _UNKNOWN, _END, *chat.lead, *chat.tokens]))
    letters = pre_tokenizers.ByteLevel.alphabet()
    if shape.vocabulary < len(specials) + len(letters):
        raise ConfigError(
            f"model.random.vocabulary: {shape.vocabulary} is less than {len(letters)} bytes and "
            f"{len(specials)} special tokens; write {2 * len(letters)} or more"
        )
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        _rendered(dialogues, chat.template, specials),
        trainers.BpeTrainer(
            vocab_size=shape.vocabulary,
            special_tokens=specials,
            initial_alphabet=letters,
            show_progress=False,
        ),
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token=_END,
        pad_token=_PADDING,
        unk_token=_UNKNOWN,
        model_max_length=shape.positions,
    )
    tokenizer.chat_template = chat.template
    return tokenizer


def _rendered(
    dialogues: Iterable[list[dict[str, str]]], template: str, specials: Iterable[str]
) -> Iterator[str]:
    """The dialogues by the template, cut where a special token stands."""
    render: Any = import_module("transformers.utils.chat_template_utils").render_jinja_template
    between = re.compile("|".join(map(re.escape, specials)))
    for messages in dialogues:
        (text,), _ = render(conversations=[messages], chat_template=template)
        yield from between.split(text)
