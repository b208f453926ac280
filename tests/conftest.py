"""Nothing of the world stands here: fixtures stand beside the tests that use them."""
