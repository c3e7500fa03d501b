package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Rate is how many requests in how long a time, written as 60/1m; the zero Rate sets no bound.
type Rate struct {
	Count int
	Per   time.Duration
}

const (
	maxRateCount = 1_000_000
	maxRatePer   = 24 * time.Hour
)

// UnmarshalText reads what String writes.
func (r *Rate) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*r = Rate{}
		return nil
	}
	digits, length, _ := strings.Cut(string(b), "/")
	count, err := strconv.Atoi(digits)
	per, bad := model.ParseDuration(length)
	if err = errors.Join(err, bad); err != nil || count < 1 || count > maxRateCount || per <= 0 || time.Duration(per) > maxRatePer {
		return fmt.Errorf("%q is no rate", b)
	}
	*r = Rate{count, time.Duration(per)}
	return nil
}

func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	return fmt.Sprintf("%d/%s", r.Count, model.Duration(r.Per))
}
