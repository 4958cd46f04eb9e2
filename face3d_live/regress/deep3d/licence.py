"""The Basel Face Model's terms, shown once to who uses it here. That they were shown is kept in the settings folder."""

from __future__ import annotations

import logging
from fnmatch import fnmatch
from pathlib import Path

from face3d_live.files import replacing
from face3d_live.mapping.store import config_folder
from face3d_live.text import decoded, shown

logger = logging.getLogger(__name__)

_NOTICE = """\
Basel Face Model 2009 (P. Paysan, R. Knothe, B. Amberg, S. Romdhani, T. Vetter; University of Basel)
  You use the copy that you obtained yourself; nothing of it comes with Face3D Live (MIT), which is no part of it.
  The University of Basel licenses it to registered users for non-commercial research, and neither the model nor
  what is derived from it may be passed on. The terms that you agreed to: https://faces.dmi.unibas.ch/bfm
  The expression components are by Y. Guo et al. (3DFace) after FaceWarehouse, the network's weights by their own
  authors, each under their own terms. Cite them where you publish.
巴塞尔人脸模型 2009（巴塞尔大学）
  此处使用您自行取得的副本；Face3D Live 不包含其任何部分。该模型仅限注册用户用于非商业研究，
  不得转让模型及其衍生内容。您所同意的条款见：https://faces.dmi.unibas.ch/bfm
"""
#: Licence texts that may lie beside the model.
_FILES = ("license*", "licence*", "readme*bfm*")
_MOST = 20_000  # characters shown of one


def licence_notice(model_folder: Path) -> str | None:
    """The notice, and the licence text that lies beside the model; None where it was shown before."""
    seen = config_folder() / "licences" / "bfm2009"
    if seen.is_file():
        return None
    try:
        with replacing(seen) as temporary:
            temporary.write_text("shown\n", encoding="utf-8")
    except OSError as error:
        logger.info("it is not kept that the licence was shown: %s", error)
    return "\n".join([_NOTICE, *_texts(model_folder)])


def _texts(folder: Path) -> list[str]:
    texts = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in ("", ".txt", ".md") and any(fnmatch(path.name.lower(), p) for p in _FILES):
            try:
                with path.open("rb") as file:
                    texts.append(f"{shown(path.name)}:\n{shown(decoded(file.read(_MOST)))}\n")
            except (OSError, UnicodeDecodeError):
                continue
    return texts
