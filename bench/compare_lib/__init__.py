# SPDX-License-Identifier: Apache-2.0
"""What bench/compare, bench/events and bench/history are made of.

    program    what compare and events do alike: options, rounds, files
    rows       the table of what bench/compare measures, with the budgets; event_rows: that of bench/events
    figures    which figures there are, and how a person reads them
    brokers    starting and stopping what is measured; rabbitmq: a node of our own; hello: what a broker says it is;
               event_brokers: those of bench/events
    measure    one row against one broker, once
    results    medians, ratios and verdicts of all rounds
    report     tables as text and Markdown, and the JSON; chart: the SVG
    history    one run beside the ones before
    machine, names   where it ran; names that are not known"""
