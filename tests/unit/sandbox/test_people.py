from lobby_sandbox.people import People, Person, invent


def test_the_same_customer_is_always_the_same_person():
    assert invent("66811111111") == invent("66811111111")


def test_many_customers_have_many_names():
    assert len({invent(str(number)).name for number in range(100)}) > 50


def test_a_name_given_once_stays():
    people = People()
    people.meet("c1", "Lan Anh Nguyen", "vi")
    assert people.person("c1") == Person("Lan", "Anh Nguyen", "vi")
    assert people.meet("c1", None, None) == Person("Lan", "Anh Nguyen", "vi")


def test_nobody_is_told_a_language_that_the_customer_did_not_give():
    assert People().meet("c1", None, None).language is None


def test_a_handle_is_made_of_the_plain_part_of_a_name():
    assert Person("Somchai", "Boonmee").handle == "somchaiboonmee"
    assert Person("陈伟").handle == "customer"
