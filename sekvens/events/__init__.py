"""Events: what contacts do, as the shop's backend posts it."""
