package web

// EndStreams is what the shutdown of a server does first.
func (s *Server) EndStreams() { s.console.Close() }
