"""Delivery: releases, how traffic is split between versions, and the evidence on which a release moves."""
