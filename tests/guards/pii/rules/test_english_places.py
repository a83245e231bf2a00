from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.pii.kinds import Kind
from tests.guards.pii.rules.trials import Trial, assert_linear

TRIAL = Trial("english_places")
found, found_and_marked = TRIAL.found, TRIAL.found_and_marked


@pytest.mark.parametrize(
    "marked",
    [
        "I live at [[address:12 Oak Lane, Springfield]]",
        "i live at [[address:12 oak lane]] and im bored",
        "im at [[address:45 Birch Street]] rn come get me",
        "my address is [[address:1420 NW Cedar Ave Apt 7, Portland, OR 97209]]",
        "we moved to [[address:88 St. James Road, Bristol BS5 0QA]] last week",
        "Our house is [[address:9 Elmwood Drive]], the one with the red door",
        "send it to [[address:350 W 42nd St, Apt 12, New York, NY 10036]] please",
        "grandma lives at [[address:7 High Street]] in a tiny flat",
        "it's [[address:27A Station Road]], ring twice",
        "i live on [[address:Maple Street]]",
        "we live in [[address:Oakwood Apartments, unit 4B]]",
        "i live in [[address:Flat 12B, 8/F, Tower 3, Sunshine Garden, Mong Kok]]",
        "come to [[address:Room 1203, Block B, Lucky Court, Sha Tin]]",
        "i live in [[address:Sham Shui Po]] with my gran",
        "i live in [[address:Brooklyn]]",
        "we live [[address:next to the Tesco on Mill Road]]",
        "i live right [[address:behind the fire station]]",
        "my house is [[address:across from Lincoln Park]]",
        "I live [[address:above the bakery on King Street]] with my dad",
        "mail it to [[address:P.O. Box 442]]",
        "my postcode is [[address:SW11 2AB]]",
        "she lives at [[address:301 Cherry Blossom Court]] n her mum is nice",
        "me and him went skating and he asked where i live and i said [[address:16 Quarry Close]]",
        "[[address:Blk 123 Bedok North Street 1 #05-678]] is where we stay",
        "my dad moved to [[address:apartment 9, 200 Pine Street]]",
        "we live at [[address:60 Fifth Avenue]]",
        "我家在[[address:12 Oak Lane]]哦",
        "the party is at [[address:33 willow crescent]] on saturday at 3",
        "i live at [[address:4 church rd, whitby]]",
    ],
)
def test_addresses_are_found(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "i live in London",
        "we live in hong kong",
        "i live in a small house with 2 dogs",
        "i live with my mum",
        "i live near the beach",
        "i live next to my best friend",
        "i ran 3 times around the square",
        "i came in 2nd place",
        "we waited 10 minutes down the road",
        "the 4 seasons drive me mad",
        "harry potter lives at 4 privet drive",
        "sherlock holmes lives at 221B Baker Street",
        "he is 5 blocks away",
        "there are 12 people on our street",
        "its 30 miles down the road",
        "i have 2 rooms to clean",
        "my dad is moving out",
        "i got 9 out of 10 this way",
        "we went to the park and it was great",
        "i live for pizza",
        "my house is big and cold",
        "the bus takes 20 minutes to get to school",
        "chapter 3 court scene was boring",
        "room 12 stinks",
        "i live in the countryside",
        "on page 7 row 3",
        "my house is on fire lol",
        "she lives in a castle in my story",
        "do i turn left or right on the way",
        "i moved to a new school",
        "2 way street is a song",
    ],
)
def test_what_looks_like_an_address_is_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "marked",
    [
        "I go to [[school:Lincoln Elementary]]",
        "i go to [[school:lincoln elementary]] and i hate it",
        "I'm in [[school:Class 4B]]",
        "my school is [[school:Oak Ridge Middle School]]",
        "my school is called [[school:Riverside]]",
        "[[school:St Mary's Primary School]] won the match",
        "i go to [[school:st marys]]",
        "he's at [[school:King Edward VI Grammar School]] now",
        "she goes to [[school:P.S. 118]] in the bronx",
        "i go to school at [[school:Greenhill Academy]]",
        "my sister studies at [[school:Westminster High School for Girls]]",
        "we play against [[school:Thomas Jefferson High]] on friday",
        "im in [[school:4C]] and my brother is in year 9",
        "my cousin goes to [[school:Diocesan Boys' School]]",
        "[[school:Northfield Secondary]] is rubbish",
        "i moved from [[school:Ashton Park School]] last year",
        "im a student at [[school:maple grove elementary school]]",
        "im in [[school:grade 5 class 2]]",
        "i got into [[school:Bishop Gorman High School]]!!",
        "[[school:Hillcrest Prep]] gives so much homework",
        "i go to [[school:Sunny Days Nursery]]",
        "my little bro goes to [[school:Little Acorns Preschool]]",
    ],
)
def test_schools_are_found(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "i hate school",
        "i go to middle school",
        "My school is so boring",
        "my old primary school was nicer",
        "the high school is far",
        "Hogwarts Academy has ghosts",
        "i watched High School Musical",
        "Khan Academy helps with maths",
        "My Hero Academia is the best",
        "im in year 4",
        "i start secondary school in september",
        "he goes to a private school",
        "i got a high score",
        "she wants to go to college",
        "we went to school by bus",
        "im in 3rd grade",
        "my school is closed today",
        "I love my elementary school teacher",
        "Sunday school was fun",
        "I want to go home from school",
        "my art school teacher is nice",
        "chapter 4b is hard",
        "After School club was cancelled",
        "the water was knee high",
        "Boarding school sounds scary",
        "i play on ps5",
        "my brother is in college",
    ],
)
def test_kinds_of_school_and_grades_are_none(text: str) -> None:
    assert found(text) == []


@given(st.text(max_size=60))
def test_spans_are_inside_of_any_text(text: str) -> None:
    for entity in TRIAL.finder.find(text):
        assert 0 <= entity.start < entity.end <= len(text)


@given(
    st.integers(1, 9999),
    st.sampled_from(["Oak Lane", "maple street", "King Edward Road"]),
    st.sampled_from(["住在", "，", "地址是"]),
    st.sampled_from(["。", "，好", "哦"]),
)
def test_a_street_is_found_among_han(number: int, street: str, front: str, back: str) -> None:
    address = f"{number} {street}"
    assert found(f"{front}{address}{back}") == [(Kind.ADDRESS, address)]


@pytest.mark.parametrize(
    "run", ["1", "1 a ", "a ", "A ", "flat 1, ", "i live at ", "high ", "my school is ", "St. "]
)
def test_time_grows_with_the_length_alone(run: str) -> None:
    assert_linear(TRIAL.finder.find, run)
