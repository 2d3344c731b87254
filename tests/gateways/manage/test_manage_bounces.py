from __future__ import annotations

from warmpost.actions.bounces.count_bounces import count_bounces
from warmpost.rules.bounces.corrections import text_id

RARE, OFTEN = "550 we are closed", "550 5.1.1 no such user"


async def test_texts_are_counted_by_class_the_most_frequent_first(api, services) -> None:
    await services.store.commit(*count_bounces([(RARE, "unspecified"), *[(OFTEN, "unknown_user")] * 3]))
    items = (await api.get("/bounces")).json()["items"]
    assert [(one["text"], one["count"], one["class"], one["hard"]) for one in items] == [
        (OFTEN, 3, "unknown_user", True),
        (RARE, 1, "unspecified", False),
    ]


async def test_a_class_is_corrected_and_the_correction_taken_back(api, services) -> None:
    await services.store.commit(*count_bounces([(RARE, "unspecified")]))
    path = f"/bounces/{text_id(RARE)}"
    corrected = (await api.patch(path, json={"class": "inactive"})).json()
    assert (corrected["class"], corrected["rule"], corrected["hard"]) == ("inactive", "unspecified", True)
    assert corrected["corrected_at"] == "2026-03-01T09:00:00Z"
    assert (await api.get("/bounces")).json()["items"] == [corrected]
    assert (await api.patch(path, json={"class": None})).json()["class"] == "unspecified"


async def test_a_wrong_class_and_a_text_that_is_not_there_are_told(api, services) -> None:
    await services.store.commit(*count_bounces([(RARE, "unspecified")]))
    wrong = await api.patch(f"/bounces/{text_id(RARE)}", json={"class": "dead"})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "class")
    missing = await api.patch("/bounces/nothing", json={"class": "spam"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "bounce_text_not_found")
