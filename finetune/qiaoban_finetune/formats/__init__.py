"""Training data of nine formats, read into `Dialogue` and written again.

    for dialogue in read(Path("panda_chat.json"), turns="merge"):
        ...
    write(dialogues, Path("train.jsonl"), "openai")

Reading streams: a file of any size is one record in memory. It is strict: the first record that
cannot be learnt from stops it with a DataError that names file, line, key and remedy.
"""

from __future__ import annotations

from qiaoban_finetune.formats.form import Format
from qiaoban_finetune.formats.known import FORMATS
from qiaoban_finetune.formats.loading import data_files, read
from qiaoban_finetune.formats.turns import Turns
from qiaoban_finetune.formats.writing import write

__all__ = ["FORMATS", "Format", "Turns", "data_files", "read", "write"]
