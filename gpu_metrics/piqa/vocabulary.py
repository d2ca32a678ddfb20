"""The words by which reasons name regions, attributes and which image is better, in English.

A word stands for itself; one that ends in a star, for every word that begins so. Of several that
fit, the longest counts.
"""

from collections.abc import Mapping
from functools import lru_cache

REGIONS = {
    "face": "face faces facial cheek* forehead* nose*",
    "eyes": "eye eyes eyelash* eyelid* eyebrow* brow brows iris pupil pupils",
    "mouth": "mouth lip lips teeth tooth smile",
    "skin": "skin complexion pores wrinkle*",
    "hair": "hair hairs hairline strand strands bangs beard* moustache mustache",
    "hands": "hand hands finger* nail nails arm arms",
    "neck": "neck collarbone shoulder*",
    "clothing": "cloth* garment* shirt* sweater* dress dresses coat* jacket* suit suits skirt* "
    "fabric* textile* sleeve* collar* knit* denim lace scarf* hat hats",
    "background": "background* backdrop* distance distant",
    "foreground": "foreground*",
    "foliage": "leaf leaves foliage tree trees branch* plant plants grass* flower* petal* vein "
    "veins vegetation bush* lawn*",
    "sky": "sky skies cloud clouds",
    "building": "building* architect* wall walls window windows facade* brick* roof* tower*",
    "text": "text texts lettering sign signs character characters calendar*",
    "water": "water waves lake* river* sea",
    "shadows": "shadow* mid-to-dark mid-dark dark-area*",
    "highlights": "highlight* lamp* lights",
}

ATTRIBUTES = {
    "sharpness": "sharp* clarity crisp* blur* resolution* definition focus focused soft softer "
    "softness hazy haze",
    "oversharpening": "over-sharp* oversharp* halo halos haloing ringing black-edge* fringe* "
    "fringing outline*",
    "texture": "texture* textural detail details detailed high-frequency",
    "noise": "noise* noisy grain* signal-to-noise snr",
    "smearing": "smear* smudg* smooth* over-smooth* oversmooth* oil-paint* plastic waxy",
    "color": "color* colour* hue* saturat* oversaturat* tint* cast white-balance",
    "tone": "tone tones tonal transition*",
    "exposure": "exposure* expos* overexpos* underexpos* bright* brightness",
    "contrast": "contrast*",
    "artifacts": "artifact* artefact* distort* alias* moire jagged banding compress* vignett*",
    "realism": "realis* natural* unnatural* authentic* artificial* fidelity lifelike",
}

BETTER = (
    "better superior excel* outperform* best good preferable preferred advantage* improved "
    "pleasing sharper clearer cleaner crisper finer richer smoother natural naturalness realistic "
    "authentic accurate balanced crisp clean detailed legible uniform even consistent coherent "
    "preserv* maintain* retain* well-defined lifelike faithful noise-free"
)
WORSE = (
    "worse inferior poor poorer poorly lack* los* missing weak* blurr* blurry blurred hazy "
    "noisy noisier grainy grainier smear* smudg* over-smooth* oversmooth* plastic waxy halo halos "
    "haloing ringing over-sharp* oversharp* over-process* artifact* artefact* distort* jagged "
    "banding unnatural* artificial* excessive* heavy heavier severe aggressive harsh degrad* "
    "overexpos* underexpos* oversaturat* flat washed-out uneven inconsistent oil-paint* "
    "unpleasant distract* intrusive rough noise"
)
# texts are written by strangers, so that memory must not grow with their words
_REMEMBERED = 65_536

# turn the next word of quality into its opposite
REVERSING = "no not without less fewer free avoid* reduced minimal never neither little"


def _table(words: Mapping[str, str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    exact: dict[str, str] = {}
    beginnings: list[tuple[str, str]] = []
    for meaning, forms in words.items():
        for form in forms.split():
            if form.endswith("*"):
                beginnings.append((form[:-1], meaning))
            else:
                exact[form] = meaning
    return exact, sorted(beginnings, key=lambda entry: -len(entry[0]))


_TOPICS = _table(REGIONS | ATTRIBUTES)
_QUALITIES = _table({"better": BETTER, "worse": WORSE, "reversing": REVERSING})


@lru_cache(_REMEMBERED)
def topic_of(word: str) -> str | None:
    """The region or attribute that a word in lower case names, if any."""
    return _meaning(word, *_TOPICS)


@lru_cache(_REMEMBERED)
def quality_of(word: str) -> str | None:
    """Whether a word in lower case means "better", "worse", is "reversing", or none of these."""
    return _meaning(word, *_QUALITIES)


def _meaning(word: str, exact: dict[str, str], beginnings: list[tuple[str, str]]) -> str | None:
    if word in exact:
        return exact[word]
    return next((meaning for start, meaning in beginnings if word.startswith(start)), None)
