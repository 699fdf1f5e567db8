# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests stand on: starting chaskid, and the passes it is run in."""
