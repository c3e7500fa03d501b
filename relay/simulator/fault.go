package simulator

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The kinds of fault.
const (
	TooManyRequests Kind = "too_many_requests" // 429 with RetryAfter seconds
	Status          Kind = "status"            // a JSON error with Code and Description
	Gateway         Kind = "gateway"           // 502 with a page of HTML, as a gateway answers
	Empty           Kind = "empty"             // 200 without a body
	Truncated       Kind = "truncated"         // the call is carried out, its answer is cut in the middle
	ResetBefore     Kind = "reset_before"      // the connection is reset and nothing was carried out
	ResetAfter      Kind = "reset_after"       // it is reset after the call was carried out: the caller cannot know
	Slow            Kind = "slow"              // the answer comes Delay later
)

// Kinds are all kinds of fault.
var Kinds = []Kind{TooManyRequests, Status, Gateway, Empty, Truncated, ResetBefore, ResetAfter, Slow}

// Fault is trouble on demand.
type Fault struct {
	Kind        Kind          `json:"kind"`
	Bot         string        `json:"bot,omitempty"`     // username; empty: any
	Method      string        `json:"method,omitempty"`  // empty: any
	ChatID      int64         `json:"chat_id,omitempty"` // 0: any
	Times       int           `json:"times,omitempty"`   // 0: until it is cleared
	RetryAfter  int           `json:"retry_after,omitempty"`
	Code        int           `json:"code,omitempty"` // of Status; 500 when 0
	Description string        `json:"description,omitempty"`
	Delay       time.Duration `json:"delay,omitempty"` // in nanoseconds; also before other kinds

	left int
}

// Fail makes calls go wrong from now on. Faults are tried in the order in which they were made; the first that fits is used.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.left = f.Times
	f.Method = strings.ToLower(f.Method)
	s.faults = append(s.faults, &f)
}

// ClearFaults ends all trouble.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) takeFault(method string, chatID int64) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		others := f.Bot != "" && !strings.EqualFold(f.Bot, s.options.Username)
		if others || (f.Method != "" && f.Method != method) || (f.ChatID != 0 && f.ChatID != chatID) {
			continue
		}
		if f.Times > 0 {
			if f.left--; f.left == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return f
	}
	return nil
}

// status is what the log of calls shows; 0 for a connection that broke.
func (f *Fault) status() int {
	switch f.Kind {
	case TooManyRequests:
		return http.StatusTooManyRequests
	case Status:
		return f.code()
	case Gateway:
		return http.StatusBadGateway
	case Empty:
		return http.StatusOK
	}
	return 0
}

func (f *Fault) code() int {
	if f.Code == 0 {
		return http.StatusInternalServerError
	}
	return f.Code
}

const gatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"

// before reports whether the fault answered in place of the method.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return true
		}
	}
	switch f.Kind {
	case TooManyRequests:
		tooMany(f.RetryAfter).write(w)
	case Status:
		description := f.Description
		if description == "" {
			description = "Internal Server Error"
		}
		failed(f.code(), "%s", description).write(w)
	case Gateway:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, gatewayPage)
	case Empty:
		w.WriteHeader(http.StatusOK)
	case ResetBefore:
		reset(w)
	default:
		return false
	}
	return true
}

// after reports whether the fault spoilt the answer of a call that was carried out.
func (f *Fault) after(w http.ResponseWriter, a *answer) bool {
	switch f.Kind {
	case ResetAfter:
		reset(w)
	case Truncated:
		body := a.body()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status())
		w.Write(body[:len(body)/2])
	default:
		return false
	}
	return true
}

// resetter is a ResponseWriter that can break its connection: the in-memory transport's.
type resetter interface{ reset() }

// reset breaks the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	if memory, ok := w.(resetter); ok {
		memory.reset()
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
