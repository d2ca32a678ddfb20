from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.study.building.tokens import KeyedChance, salt, token

SECRET, OTHER = b"s" * 32, b"t" * 32
TEXTS = st.lists(st.text(max_size=8), max_size=4)


@given(TEXTS, TEXTS)
def test_different_things_have_different_tokens(some, others):
    assert (token(SECRET, *some) == token(SECRET, *others)) == (some == others)
    assert token(SECRET, *some) != token(OTHER, *some)


def test_a_token_is_sixteen_bytes_in_hexadecimal():
    assert len(bytes.fromhex(token(SECRET, "result", "001", "north"))) == 16
    assert len(salt(SECRET, "token")) == 16


def test_chance_follows_from_secret_and_purpose_alone():
    drawn = [KeyedChance(SECRET, "tiles", "a").random() for _ in range(2)]
    others = [KeyedChance(SECRET, "tiles", "b").random(), KeyedChance(OTHER, "tiles", "a").random()]
    assert drawn[0] == drawn[1] and len({*drawn, *others}) == 3


def test_reseeding_changes_nothing():
    chance, same = KeyedChance(SECRET, "p"), KeyedChance(SECRET, "p")
    chance.seed(3)
    assert chance.sample(range(50), 50) == same.sample(range(50), 50)


def test_chance_is_even():
    chance = KeyedChance(SECRET, "even")
    numbers = [chance.random() for _ in range(20_000)]
    tenths = [sum(i <= 10 * x < i + 1 for x in numbers) for i in range(10)]
    # 2000 each, with a standard deviation of 42
    assert all(abs(count - 2000) < 170 for count in tenths)
    assert all(0 <= chance.getrandbits(256) < 2**256 for _ in range(100))
