package geelarktest

import (
	"slices"
	"time"

	"geelark_exporter/geelark"
)

// A Breach is a limit that was broken, by the request that broke it. Requests
// that came while the endpoint was blocked or locked for it make no other.
type Breach struct {
	Endpoint string
	Window   time.Duration // the limit's: a minute or an hour
	At       time.Time     // when the request came
	Count    int           // requests in the window that ends with it
	ByTeam   bool          // it was the team's request, see SetTeam
}

// keep bounds the requests whose times an endpoint's record holds, so that a
// demonstration can run for months.
const keep = 1 << 20

// A record is what the server saw. The empty endpoint stands for all.
type record struct {
	requests map[string]int
	times    map[string][]int64    // the latest requests' times in Unix nanoseconds, ascending
	windows  map[string]*[2]window // the minute's and the hour's, for what they ever held
	answers  map[answered]int
	broken   []Breach
}

type answered struct {
	endpoint string
	code     geelark.Code
}

func newRecord() record {
	return record{map[string]int{}, map[string][]int64{}, map[string]*[2]window{}, map[answered]int{}, nil}
}

func (r *record) request(endpoint string, now time.Time) {
	for _, name := range []string{"", endpoint} {
		r.requests[name]++
		times := r.times[name]
		if len(times) == keep {
			times = append(times[:0], times[keep/2:]...)
		}
		r.times[name] = append(times, now.UnixNano())
		w := r.windows[name]
		if w == nil {
			w = &[2]window{{span: time.Minute}, {span: time.Hour}}
			r.windows[name] = w
		}
		w[0].add(now)
		w[1].add(now)
	}
}

func (r *record) answer(endpoint string, code geelark.Code) {
	r.answers[answered{"", code}]++
	r.answers[answered{endpoint, code}]++
}

// Requests returns how many requests the server saw at an endpoint, named as
// "phone/status" is, refused and faulty ones included. Empty means all
// endpoints. A path outside /open/v1/ is named by the whole of it.
func (s *Server) Requests(endpoint string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record.requests[endpoint]
}

// Answered returns how many answers of an endpoint had the envelope code,
// cut ones included. Empty means all endpoints. Dropped and hanging requests
// and answers without an envelope have no code.
func (s *Server) Answered(endpoint string, code geelark.Code) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record.answers[answered{endpoint, code}]
}

// MostIn returns the most requests that came to an endpoint within any span
// of the given length, wherever it begins; two requests exactly one span
// apart are not within it. Empty means all endpoints together. A minute and an
// hour are known of all requests, other spans of at least the last half
// million of an endpoint. The team's requests are none of these.
func (s *Server) MostIn(endpoint string, span time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.record.windows[endpoint]; w != nil {
		for i := range w {
			if w[i].span == span {
				return w[i].most
			}
		}
	}
	times := s.record.times[endpoint]
	most, first := 0, 0
	for i, t := range times {
		for first < i && t-times[first] >= int64(span) {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// Recent returns how many requests came to an endpoint within the span that ends
// now, of at most the last half million. Empty means all endpoints together. The
// team's requests are none of these.
func (s *Server) Recent(endpoint string, span time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	times, since := s.record.times[endpoint], s.now().Add(-span).UnixNano()
	n, exact := slices.BinarySearch(times, since)
	for exact && n < len(times) && times[n] == since {
		n++
	}
	return len(times) - n
}

// Broken returns every limit that was broken, oldest first.
func (s *Server) Broken() []Breach {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.record.broken)
}
