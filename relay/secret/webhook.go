package secret

import (
	"encoding/base64"
	"errors"
	"strings"
)

// ParseWebhookKey reads the secret of signed webhooks as Standard Webhooks writes it: whsec_ and 24 to 64 bytes in base64.
func ParseWebhookKey(v Value) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(v.Reveal()), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("whsec_ with the base64 of 24 to 64 random bytes behind it is wanted: `echo whsec_$(head -c 32 /dev/urandom | base64)` makes one")
	}
	return key, nil
}
