package chat

// ParseCommand is tested by itself: it reads what people type.
var ParseCommand = parseCommand
