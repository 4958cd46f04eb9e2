"""Refusals and warnings of photos: every code with what happened and its one cure, in English and Chinese.

Codes are stable: programs may rely on them. The sentences may change.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from face3d_live.errors import InputError, TooLargeError

Language = Literal["en", "zh"]


class Advice(NamedTuple):
    """One sentence a language: what is wrong, then a colon and what to do."""

    en: str
    zh: str


REFUSALS: dict[str, Advice] = {
    "no-file": Advice("the file cannot be read: check the path", "无法读取该文件：请检查路径"),
    "no-photos": Advice("there are no photos: check the path", "没有照片：请检查路径"),
    "too-many-photos": Advice(
        "these are more pictures of one person than are of use: leave some out",
        "同一个人的图片过多：请减少数量",
    ),
    "not-an-image": Advice(
        "this is no picture that can be read: give a JPEG, PNG or WebP photo",
        "这不是可读取的图片：请提供 JPEG、PNG 或 WebP 照片",
    ),
    "unsupported-type": Advice(
        "this type of file is not supported: convert it to JPEG or PNG of 8 bits",
        "不支持这种文件类型：请转换为 8 位的 JPEG 或 PNG",
    ),
    "too-large": Advice(
        "the picture has too many pixels to be decoded safely: scale it down to 80 megapixels or less",
        "图片像素过多，无法安全解码：请缩小到 8000 万像素以内",
    ),
    "too-small": Advice(
        "the face has too few pixels: give a photo on which the face is at least 48 pixels wide",
        "人脸像素太少：请提供人脸宽度至少 48 像素的照片",
    ),
    "no-face": Advice(
        "no face was found: give a photo that shows a face from the front", "未找到人脸：请提供正面人脸照片"
    ),
    "several-faces": Advice(
        "the photo shows several faces: choose one, by --face NUMBER (1 is the largest) or --face largest",
        "照片中有多张人脸：请选择其中一张（--face 序号，1 为最大；或 --face largest）",
    ),
    "no-such-face": Advice(
        "the photo has no face of that number: choose a smaller one", "照片中没有该序号的人脸：请选择较小的序号"
    ),
    "bad-topology": Advice(
        "only another regressor has that topology: use --regressor deep3d:FOLDER, too, or leave it out",
        "只有其他回归器才有这种网格拓扑：请同时使用 --regressor deep3d:FOLDER，或去掉该选项",
    ),
    "blurred": Advice(
        "the face is too blurred: give a sharp photo, taken with a steady hand",
        "人脸过于模糊：请提供清晰、未抖动的照片",
    ),
    "too-dark": Advice(
        "the face is too dark, or only its outline shows: take the photo with light on the face",
        "人脸太暗或处于逆光：请让光线照在脸上重新拍摄",
    ),
    "no-skin": Advice(
        "nothing on the face has the colour of skin (paint, coloured light): give a photo of it bare in plain light",
        "脸上没有皮肤的颜色（彩绘或有色光）：请提供普通光线下未遮盖的人脸照片",
    ),
    "cropped": Advice(
        "a part of the face lies outside the photo: give one that shows the whole face",
        "人脸有一部分在照片之外：请提供完整人脸的照片",
    ),
    "extreme-pose": Advice(
        "the face is turned too far away: give a photo that shows both eyes", "人脸转得太偏：请提供能看到双眼的照片"
    ),
    "missing-video": Advice("the video is not there: check the path", "找不到该视频：请检查路径"),
    "not-a-video": Advice(
        "this cannot be read as a video: convert it to MP4, or copy it again",
        "无法作为视频读取：请转换为 MP4 或重新复制",
    ),
    "empty-video": Advice(
        "the video has no frame that can be decoded: record or download it again",
        "视频中没有可解码的画面：请重新录制或下载",
    ),
    "not-params": Advice(
        "this is no params.npz of face3d-live: give the file as it was written",
        "这不是 face3d-live 的 params.npz：请提供未经改动的文件",
    ),
    "no-such-expression": Advice(
        "no expression of this name, or no value from 0 to 1: give NAME=VALUE, as jawOpen=0.6",
        "没有这个表情名称，或数值不在 0 到 1 之间：请写成 名称=数值，例如 jawOpen=0.6",
    ),
    "process-died": Advice(
        "the process died, perhaps for want of memory: use fewer --jobs", "进程意外结束，可能内存不足：请减少 --jobs"
    ),
    "not-written": Advice(
        "the result cannot be written: check the folder and the space on the disk",
        "无法写入结果：请检查文件夹和磁盘空间",
    ),
}

#: What a result is warned of, though it was made.
WARNINGS: dict[str, Advice] = {
    "unsure": Advice("the face was hard to see: expect errors", "人脸不易辨认：结果可能有误"),
    "turned": Advice("the face is turned away: its far side is a guess", "人脸偏转：另一侧为推测"),
    "small": Advice("the face is small: the texture is blurred", "人脸较小：纹理会模糊"),
    "soft": Advice("the face is not sharp: no detail was added", "人脸不够清晰：未添加细节"),
    "dim": Advice("the face is dimly lit: its colours are uncertain", "人脸光线较暗：颜色不够可靠"),
    "edge": Advice("the face touches the edge of the photo", "人脸靠近照片边缘"),
    "others": Advice("other faces of the photo were left out", "照片中的其他人脸已忽略"),
    "end-missing": Advice(
        "the file breaks off before its end: what is there was used", "文件末尾缺失：已使用可读取的部分"
    ),
    "colours": Advice(
        "the colour profile is missing or broken: the colours are a guess", "颜色配置文件缺失或损坏：颜色为推测"
    ),
    "rotated": Advice("the face was not upright in the photo: it was turned", "照片中的人脸不是正立的：已自动转正"),
    "half-dark": Advice(
        "one side of the face lies in the dark: it was lightened and completed from the other side",
        "人脸有一侧处于阴影中：已提亮并参照另一侧补全",
    ),
    "covered": Advice(
        "something covers a part of the skin (glasses, hair, a hand, a mask): it was filled in",
        "部分皮肤被遮挡（眼镜、头发、手或口罩）：已补全",
    ),
}


def advice(code: str, language: Language = "en") -> str | None:
    """The sentence of a code, of a refusal or a warning; None for codes of other modules."""
    found = REFUSALS.get(code) or WARNINGS.get(code)
    return None if found is None else getattr(found, language)


def refusal(code: str, about: str = "") -> InputError:
    """The error of a code. about: which file, or a figure, put before the sentence. Raises KeyError."""
    sentence = REFUSALS[code].en
    kind = TooLargeError if code == "too-large" else InputError
    return kind(code, f"{about}: {sentence}" if about else sentence)
