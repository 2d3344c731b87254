"""Sends one mail through the client that openapi-python-client generated: URL KEY DOMAIN."""

import sys

from warmpost_client import AuthenticatedClient
from warmpost_client.api.send import get_message, send_message
from warmpost_client.models import MessageRequest

url, key, domain = sys.argv[1:]
with AuthenticatedClient(base_url=url, token=key) as client:
    request = MessageRequest(
        from_=f"shop@{domain}", to=["python@readers.example"], subject="Hello", text="By Python."
    )
    taken = send_message.sync(client=client, body=request)
    assert taken is not None, "nothing was taken"
    found = get_message.sync(taken.id, client=client)
    assert found is not None, "nothing was found"
    print(found.subject, found.recipients[0].to)
