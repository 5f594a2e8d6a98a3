"""DiracX's own JobParametersDB, for a test that shares an OpenSearch with it.

Reads {"host": HOST, "write": {JobID: {...}}, "read": [JobID, ...]}, writes for the VO lhcb, and answers with the
documents that it finds. Before that it makes its index template.
"""

import asyncio
import json
import sys

from diracx.db.os import JobParametersDB


async def main():
    asked = json.load(sys.stdin)
    db = JobParametersDB({"hosts": asked["host"]})
    async with db.client_context():
        await db.create_index_template()
        await db.bulk_upsert(("lhcb", int(job), values) for job, values in asked["write"].items())
        documents = {}
        for job in asked["read"]:
            found = await db.client.get(index=db.index_name("lhcb", job), id=job)
            documents[job] = found["_source"]
    print(json.dumps(documents))


asyncio.run(main())
