from warmpost.rules.model.writes import Count, Create, Delete, merge_counts


def test_additions_to_the_same_document_become_one_and_all_else_stays_as_it_is():
    writes = [
        Count("days/1", {"sent": 1, "by.gmail": 1}, {"day": "1"}, "7"),
        Create("a", None),
        Count("days/2", {"sent": 5}),
        Count("days/1", {"sent": 2, "bounced": 1}, {"day": "1"}, "7"),
        Delete("b"),
    ]
    assert merge_counts(writes) == [
        Count("days/1", {"sent": 3, "by.gmail": 1, "bounced": 1}, {"day": "1"}, "7"),
        Create("a", None),
        Count("days/2", {"sent": 5}),
        Delete("b"),
    ]


def test_a_document_that_is_written_and_counted_keeps_both_writes():
    writes = [Create("a", None), Count("a", {"n": 1}), Count("a", {"n": 1})]
    assert merge_counts(writes) == [Create("a", None), Count("a", {"n": 2})]
