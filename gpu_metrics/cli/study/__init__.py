"""`gpu-metrics study`: the blind test of an expert jury, from the draw of scenes to its worth."""
