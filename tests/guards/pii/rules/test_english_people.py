from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.pii.kinds import Kind
from tests.guards.pii.rules.trials import Trial, assert_linear

TRIAL = Trial("english_people")
found, found_and_marked = TRIAL.found, TRIAL.found_and_marked


@pytest.mark.parametrize(
    "marked",
    [
        "my name is [[name:Emily Carter]]",
        "my name is [[name:emily carter]] and i like cats",
        "my name is [[name:li wei]]",
        "hi im [[name:Zoe]]",
        "im [[name:jayden]] whats up",
        "I'm [[name:Anna]], I like drawing",
        "i am called [[name:Tobias]]",
        "her name is [[name:Sophie Bennett]] and shes mean",
        "his name's [[name:Kwame]]",
        "my mum's name is [[name:Rachel]]",
        "my best friend [[name:Chloe]] moved away",
        "my friend is called [[name:Imogen]]",
        "a boy in my class called [[name:Marcus Doyle]] hit me",
        "there's a kid named [[name:Bradley]] who pinches",
        "my brother [[name:Sam]] broke my tablet",
        "[[name:Hannah Whitfield]] laughed at my hair",
        "[[name:tyler]] pushed me off the swing",
        "my teacher is called Mrs Green but her first name is [[name:Linda]]",
        "name: [[name:Oscar Lindqvist]]",
        "my name is [[name:Mary-Jane O'Connor]]",
        "call me [[name:Benji]]",
        "im [[name:Wang Xiaoming]] from shanghai",
        "my full name is [[name:Chan Tai Man]]",
        "my cousin [[name:Aisha]] is coming",
        "me and my sister [[name:Poppy]] made slime",
        "my name is [[name:José García]]",
        "我叫[[name:Emily]]，你呢",
        "my dads name is [[name:Robert Hughes]]",
        "my friend [[name:priya]] told me a secret",
        "my name's [[name:Ruby]] btw",
        "this is [[name:Noah]] typing",
        "my name is [[name:Grace]]",
    ],
)
def test_names_are_found(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "im sad",
        "I'm so tired",
        "i'm not going",
        "im fine",
        "call me later",
        "my friend told me to stop",
        "my dog is called Max",
        "i have a hamster, her name is Daisy",
        "Mrs Smith shouted at me",
        "my teacher Mr Jones is nice",
        "i love Taylor Swift",
        "my favourite singer is Ed Sheeran",
        "Harry Potter is my hero",
        "I read a book about Anne Frank",
        "the main character is called Lyra",
        "my name is boring",
        "whats your name",
        "my best friend hates me",
        "my mum is at work",
        "my brother always wins",
        "will you help me",
        "may i go now",
        "mark my words",
        "My Friend is mean",
        "i am Chinese",
        "I'm American",
        "my brother and i fight",
        "my friend from school is nice",
        "Minecraft Steve is funny",
        "I'm in love with pizza",
        "he said my name wrong",
        "they call me names",
        "people call me stupid",
        "my mum, dad and me went out",
        "in my story her name is Princess Lily",
        "my teddy's name is Mr Snuggles",
        "I'm Batman",
        "my sister will be 3",
        "my dad says no",
        "im home",
        "I am Groot",
    ],
)
def test_what_looks_like_a_name_is_none(text: str) -> None:
    assert [entity for entity in found(text) if entity[0] == Kind.NAME] == []


@pytest.mark.parametrize(
    "marked",
    [
        "my birthday is [[birthday:May 6]]",
        "my birthday is on [[birthday:6th of May 2013]]",
        "i was born on [[birthday:3 March 2014]]",
        "bday: [[birthday:12/08/2012]]",
        "my dob is [[birthday:2012-08-12]]",
        "[[birthday:april 1st]] is my birthday no joke",
        "my sister's birthday is [[birthday:October 31st]]",
        "my mums bday is [[birthday:the 2nd of june]]",
        "my birthday's [[birthday:Nov 9th, 2011]]",
        "I'm [[age:10]]",
        "im [[age:ten]]",
        "I am [[age:9 years old]]",
        "i just turned [[age:8]]",
        "im [[age:7 and a half]]",
        "im [[age:11]] and my brother is [[age:5]]",
        "i'm [[age:12yo]]",
        "my [[age:3 year old]] sister bites",
        "im almost [[age:13]]",
        "my mum is [[age:42]]",
        "she's [[age:6]], he's [[age:9]]",
        "i'm [[age:14]] btw",
        "im [[age:8 yrs old]]",
        "my age is [[age:11]]",
        "im only [[age:6]]!",
        "aged [[age:9]] and bored",
    ],
)
def test_birthdays_and_ages_are_found(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "i'm 10 minutes late",
        "i got 10",
        "im 5 ft tall",
        "im 40 kg",
        "my test is on May 6",
        "my birthday party is on march 3",
        "my birthday is in 3 weeks",
        "kids under 13 cant play",
        "im 2nd in class",
        "im 100% sure",
        "i'm 3 levels ahead",
        "einstein was born on March 14 1879",
        "my dog is 4",
        "the tree is 100 years old",
        "he is 10 points ahead",
        "a film for 12 year olds",
        "christmas is on december 25",
        "im 3 pages from the end",
        "my brother is 2 hours late",
        "turn 5 times",
        "may 4th be with you",
    ],
)
def test_other_dates_and_numbers_are_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "marked",
    [
        "my mum works at [[workplace:the Shell station on 5th]]",
        "my dad works at [[workplace:walmart]]",
        "my dad works for [[workplace:Barclays]] and he's never home",
        "mum is a nurse at [[workplace:St Thomas' Hospital]]",
        "dad is a cook at [[workplace:the Red Lion pub]]",
        "my aunt owns [[workplace:Rosie's Cafe]]",
        "my stepdad works as a guard at [[workplace:Lakeside Mall]]",
        "I'm alone at [[location:the bus stop on Elm Street]]",
        "im at [[location:Central Park]] right now",
        "im waiting outside [[location:the McDonalds on Bridge Street]]",
        "we're at [[location:Westfield mall]] by ourselves",
        "i'm by myself at [[location:Greenford station]] and its dark",
        "im lost in [[location:Epping Forest]]",
        "I can send you [[photo:a picture of me]]",
        "i'll send you [[photo:my photo]] if you want",
        "wanna see [[photo:my selfie]]?",
        "here's [[photo:a pic of me and my sister]]",
        "should i send him [[photo:a photo of myself]]",
        "can we [[photo:video call]]",
    ],
)
def test_work_whereabouts_and_pictures_are_found(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "my dad works at night",
        "my mum works from home",
        "dad works a lot",
        "my mum is a doctor",
        "she works in a shop",
        "my dad works in an office",
        "my mom works for the weekend",
        "it works at last",
        "im at home",
        "im at school",
        "im in my room",
        "im in bed",
        "im alone at home",
        "im in trouble",
        "im in year 5",
        "I'm in Spain",
        "im at the park",
        "we're at war with the other class",
        "im at my grandma's",
        "im on level 3",
        "in minecraft im at the Nether Fortress",
        "he sent me a pic of a frog",
        "the teacher showed a photo of us",
        "i drew a picture of me",
        "picture day is monday",
        "my photo homework is due",
        "i watched a video about whales",
    ],
)
def test_general_places_and_other_pictures_are_none(text: str) -> None:
    assert found(text) == []


@given(st.text(max_size=60))
def test_spans_are_inside_of_any_text(text: str) -> None:
    for entity in TRIAL.finder.find(text):
        assert 0 <= entity.start < entity.end <= len(text)


@pytest.mark.parametrize(
    "run",
    [
        "a",
        "a ",
        "A ",
        "im ",
        "my name is ",
        "my friend ",
        "my mum works at ",
        "anna ",
        "1 ",
        "i'm at ",
    ],
)
def test_time_grows_with_the_length_alone(run: str) -> None:
    assert_linear(TRIAL.finder.find, run)
