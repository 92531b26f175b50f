"""Reads a page of metrics as strictly as OpenMetrics asks for, and prints the sum of each sample's values by name.

    metrics.py URL [LABEL=VALUE ...]

With labels, only samples that have them count.
"""

import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(sys.argv[1], timeout=30) as answer:
    kind = answer.headers["Content-Type"]
    assert kind.startswith("application/openmetrics-text; version=1.0.0"), kind
    text = answer.read().decode()

wanted = dict(pair.split("=", 1) for pair in sys.argv[2:])
sums = {}
for family in text_string_to_metric_families(text):
    assert family.documentation, family
    for sample in family.samples:
        if all(sample.labels.get(name) == value for name, value in wanted.items()):
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
print(json.dumps(sums))
