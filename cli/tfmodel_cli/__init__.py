"""The command line: `tfmodel`, also found by kubectl as `kubectl tfmodel`."""
