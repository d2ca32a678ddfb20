"""A study made from results: scenes drawn, tiles balanced, images that look all alike."""
