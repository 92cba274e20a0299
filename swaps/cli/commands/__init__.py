"""What can be typed, one file a topic. Each asks the API once or twice and shows the answer."""
