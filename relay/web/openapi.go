package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"
)

// OpenAPI describes the interface (OpenAPI 3.1, JSON Schema 2020-12), as it is served.
//
// It is written by hand, because half of it are sentences for people, and the rules of requests stand in no Go type: they are read field
// by field. What a program can know it is held to: openapi_test.go compares it with the route table, the scopes, the Go types of the
// answers, the fields that requests may have, the error codes and the Go client; and package openapitest checks every request and answer of the
// tests against it.
//
// Left out are the interfaces of ntfy, Gotify and other servers for which receivers stand in: docs/compatible.md says which.
//
// To add a call, put it into routes and into "paths", with an operationId, its security and what it answers; the tests say what is missing.
// A path that is only another name for one takes a line: {"$ref": "#/components/pathItems/NAME"}. A new schema of an answer is named beside
// its Go type in described (openapi_test.go), one of a request in asked. A call below /api/ is a method of client.Client, by the name of its operationId.
//
//go:embed openapi.json
var OpenAPI []byte

var openAPITag = func() string {
	sum := sha256.Sum256(OpenAPI)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}()

// openAPI is asked for again and again by tools, and changes only with the version.
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request, _ *Token) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache") // which is: keep it, but ask whether it has changed
	w.Header().Set("ETag", openAPITag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(OpenAPI))
	return nil
}
