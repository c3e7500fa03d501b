package relay

// Call is an HTTP request that the press of a button makes.
type Call struct {
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`
	Label  string            `json:"label"` // of the button
}
