package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// show answers a GET with what a thing is now; who has it already (If-None-Match) is told so.
func show(w http.ResponseWriter, r *http.Request, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tagged(w, r, "application/json", append(b, '\n'))
	return nil
}

// tagged answers with an ETag, and with 304 whoever has that already.
func tagged(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache") // to be asked for again each time
	if has(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	w.Write(body) // a caller that has gone away is nobody to tell
}

// has reports whether an If-None-Match names a tag, which it may call weak (RFC 9110 section 13.1.2).
func has(known []string, tag string) bool {
	for item := range strings.SplitSeq(strings.Join(known, ","), ",") {
		if item = strings.TrimPrefix(strings.TrimSpace(item), "W/"); item == tag || item == "*" {
			return true
		}
	}
	return false
}
