package web

import (
	"net/http"

	"github.com/tgrelay/tgrelay/relay"
)

// listTokens tells what the tokens may do and when they were last used, never what they are.
func (s *Server) listTokens(w http.ResponseWriter, r *http.Request, caller *Token) error {
	return answer(w, http.StatusOK, pageOf(relay.Page[shownToken]{Items: termsOf(r).keys.tokensOf(caller)}))
}

// getToken tells whoever shows a token what it may do. Where none is asked for, that is everything.
func (s *Server) getToken(w http.ResponseWriter, _ *http.Request, caller *Token) error {
	return answer(w, http.StatusOK, caller.shownToken())
}
