"""Sends one mail, and a list as CSV, through the client that openapi-python-client generated: URL KEY DOMAIN."""

import io
import sys

from warmpost_client import AuthenticatedClient
from warmpost_client.api.manage import add_list_recipients, create_list
from warmpost_client.api.send import get_message, send_message
from warmpost_client.models import MessageRequest, NamedList
from warmpost_client.types import File

url, key, domain = sys.argv[1:]
with AuthenticatedClient(base_url=url, token=key) as client:
    request = MessageRequest(
        from_=f"shop@{domain}", to=["python@readers.example"], subject="Hello", text="By Python."
    )
    taken = send_message.sync(client=client, body=request)
    assert taken is not None, "nothing was taken"
    found = get_message.sync(taken.id, client=client)
    assert found is not None, "nothing was found"
    made = create_list.sync(client=client, body=NamedList(name="from python"))
    assert made is not None, "no list was made"
    rows = File(payload=io.BytesIO(b"email,name\nann@readers.example,Ann\n"), mime_type="text/csv")
    added = add_list_recipients.sync(str(made.id), client=client, body=rows)
    assert added is not None, "nothing was added"
    print(found.subject, found.recipients[0].to, added.added)
