# SPDX-License-Identifier: Apache-2.0
"""What bench/compare and bench/history are made of.

    rows       the table of what is measured, with the budgets
    figures    which figures there are, and how a person reads them
    brokers    starting and stopping what is measured; rabbitmq: a node of our own; hello: what a broker says it is
    measure    one row against one broker, once
    results    medians, ratios and verdicts of all rounds
    report     tables as text and Markdown, and the JSON; chart: the SVG
    history    one run beside the ones before
    machine, names   where it ran; names that are not known"""
