# SPDX-License-Identifier: Apache-2.0
"""Stands in for the retired nose, of which pika's twisted tests take two names (twistedtools.py)."""
