package relay

import (
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ID names a message, a delivery or a link: a UUIDv7 (RFC 9562), so that IDs sort by the time they were made.
type ID [16]byte

// NewID makes an ID. It panics if the system has no randomness to give.
func NewID() ID { return ID(uuid.Must(uuid.NewV7())) }

// NamedID is the ID of a name, the same each time: a UUIDv5, which says nothing of time.
func NamedID(name string) ID { return ID(uuid.NewSHA1(uuid.NameSpaceURL, []byte("tgrelay:"+name))) }

// ParseID reads the usual form, 36 characters with hyphens.
func ParseID(s string) (ID, error) {
	u, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return ID{}, fmt.Errorf("%q is no UUID", s)
	}
	return ID(u), nil
}

// Time is when the ID was made, to the millisecond. Of an ID that is no UUIDv7 it says nothing.
func (id ID) Time() time.Time {
	sec, nsec := uuid.UUID(id).Time().UnixTime()
	return time.Unix(sec, nsec).UTC()
}

// IsZero reports whether the ID is not set.
func (id ID) IsZero() bool { return id == ID{} }

func (id ID) String() string { return uuid.UUID(id).String() }

// MarshalText writes the usual form.
func (id ID) MarshalText() ([]byte, error) { return uuid.UUID(id).MarshalText() }

// UnmarshalText reads what ParseID reads.
func (id *ID) UnmarshalText(b []byte) error {
	parsed, err := ParseID(string(b))
	*id = parsed
	return err
}

// Value gives a database the 16 bytes.
func (id ID) Value() (driver.Value, error) { return id[:], nil }

// Scan reads the 16 bytes.
func (id *ID) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(id) {
		return fmt.Errorf("scan ID: want 16 bytes, have %T", src)
	}
	copy(id[:], b)
	return nil
}
