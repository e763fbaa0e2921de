package simulation

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"geelark_exporter/collector/watch"
)

// samples are an exposition's, by what stands before the value.
type samples map[string]float64

// A server is a Prometheus that scrapes the exporter. It remembers what it saw
// last.
type server struct {
	*world
	name   string
	always bool // it scrapes outside of busy hours too
	chance *rand.Rand

	process *process
	checked time.Time
	last    samples
	waiting map[string]time.Time // since when accounts have phones without a fresh status
	seen    map[string]string    // the true statuses of phones at the last look at all of them
	looked  time.Time
	scrapes int
}

// dearFamilies are those that few scrapes read: rendering and reading thousands of
// series of requests and phones each time is most of what a simulated week costs.
var dearFamilies = []string{"geelark_api_(request|requests|budget|paused)_.*", "geelark_(group|plan|wallet)_.*", "geelark_phone_[^l].*"}

// scrapesOfAll says that one of so many scrapes is of all collectors and families,
// also of those whose work costs many calls.
const scrapesOfAll = 12

// kept are the counters that outlive a process with state.
var kept = []string{"geelark_phone_lookup_failures_total", "geelark_phones_dropped_total", "geelark_tasks_finished_total", "geelark_usage_seconds_total"}

// isKept reports whether a series outlives its process and its account's absence.
func (s *server) isKept(series string) bool {
	name, _, _ := strings.Cut(series, "{")
	return s.state && slices.Contains(kept, name)
}

// run scrapes until the end.
func (s *server) run(ctx context.Context) {
	for {
		// Prometheus keeps its interval to some milliseconds; machines that are
		// busy do not.
		interval := intervalAt(time.Now())
		jitter := time.Duration(s.chance.Int64N(int64(interval / 10)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval - interval/20 + jitter):
		}
		s.mu.Lock()
		p, quiet := s.world.process, time.Now().Before(s.quiet) || !s.always && !isBusy(time.Now())
		s.mu.Unlock()
		if p == nil || quiet {
			continue
		}
		s.scrape(ctx, p)
	}
}

// A response keeps what a handler answers.
type response struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *response) Header() http.Header         { return r.header }
func (r *response) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *response) WriteHeader(code int)        { r.code = code }

func (s *server) scrape(ctx context.Context, p *process) {
	s.scrapes++
	all := s.scrapes%scrapesOfAll == 1
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", strconv.Itoa(int(scrapeTimeout.Seconds())))
	r.Header.Set("Accept", "text/plain;version=0.0.4")
	handler := p.handler
	if all {
		r.Header.Set("Accept-Encoding", "gzip")
	} else {
		handler = p.cheap
		r.URL.RawQuery = url.Values{"collect[]": {watch.CollectorStatus, watch.CollectorInventory, watch.CollectorBilling}}.Encode()
	}
	w := &response{header: make(http.Header), code: http.StatusOK}
	start := time.Now()
	handler.ServeHTTP(w, r)
	took := time.Since(start)

	s.mu.Lock()
	defer s.mu.Unlock()
	if p != s.world.process {
		return // it was killed meanwhile: nobody had the answer
	}
	if w.code != http.StatusOK || took > scrapeTimeout {
		s.t.Errorf("%s: a scrape took %s and was answered with %d: %s", s.name, took, w.code, w.body.String())
		return
	}
	body := io.Reader(&w.body)
	if w.header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			s.t.Fatal(err)
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.check(parse(s.t.Errorf, string(text)), p, all)
}

// parse reads what of an exposition in text is asserted on.
func parse(errorf func(string, ...any), text string) samples {
	got := make(samples)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if _, twice := got[line[:max(i, 0)]]; i < 0 || err != nil || twice {
			errorf("wrong or twice: %s", line)
			continue
		}
		got[line[:i]] = v
	}
	return got
}

func isCounter(series string) bool {
	name, _, _ := strings.Cut(series, "{")
	return strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_count")
}

// check holds what was exposed against the promises.
func (s *server) check(got samples, p *process, all bool) {
	now := time.Now()
	if p != s.process {
		maps.DeleteFunc(s.last, func(series string, _ float64) bool { return !s.isKept(series) })
		s.process = p
	}
	maps.DeleteFunc(s.last, func(series string, _ float64) bool {
		a := s.named(label(series, "account"))
		return a != nil && a.returned.After(s.checked) && !s.isKept(series)
	})
	if now.Sub(s.checked) > 2*quietInterval {
		clear(s.waiting) // it did not look for hours
	}
	s.checked = now
	if n := got["geelark_exporter_panics_total"]; n != 0 {
		s.t.Errorf("%s: %v panics", s.name, n)
	}
	next := make(samples)
	sums, tracked, waiting := make(map[string]float64), make(map[string]float64), make(map[string]float64)
	for series, v := range got {
		if isCounter(series) {
			if before, ok := s.last[series]; ok && v < before {
				s.t.Errorf("%s: %s went back from %v to %v", s.name, series, before, v)
			}
			next[series] = v
			continue
		}
		name, labels, _ := strings.Cut(series, "{")
		account := label(labels, "account")
		switch name {
		case "geelark_phones":
			sums[account] += v
		case "geelark_phones_tracked":
			tracked[account] = v
		case "geelark_phones_unobserved":
			sums[account] += v
			if label(labels, "reason") != "lookup_failed" { // phones that were deleted
				waiting[account] += v
			}
		case "geelark_status_max_age_seconds":
			a := s.named(account)
			if age := time.Duration(v * float64(time.Second)); a != nil && age > a.bound(now) && now.After(a.disturbed.Add(a.bound(now))) {
				s.t.Errorf("%s: at %s a status of %s is %s old, although nothing was wrong since %s", s.name, now, account, age, a.disturbed)
			}
		}
	}
	for series, v := range s.last {
		_, known := tracked[label(series, "account")]
		if _, ok := next[series]; !ok && (!all && known || s.isKept(series)) {
			next[series] = v // nothing was said of it
		}
	}
	s.last = next
	for account, n := range tracked {
		if sums[account] != n {
			s.t.Errorf("%s: %v phones of %s are tracked, statuses and unobserved ones add up to %v", s.name, n, account, sums[account])
		}
		a := s.named(account)
		since, known := s.waiting[account]
		switch {
		case waiting[account] == 0 || a == nil || now.Before(a.disturbed):
			delete(s.waiting, account)
		case !known:
			s.waiting[account] = now
		case now.Sub(since) > a.bound(now):
			s.t.Errorf("%s: at %s %v phones of %s have had no fresh status since %s", s.name, now, waiting[account], account, since)
			delete(s.waiting, account)
		}
	}
	if all {
		s.compare(got, now)
	}
}

// compare holds the statuses that are exposed against those that phones have had
// since the last look.
func (s *server) compare(got samples, now time.Time) {
	truth := make(map[string]string)
	for _, a := range s.accounts {
		for _, id := range a.sim.IDs() {
			p, _ := a.sim.Phone(id)
			truth[a.cfg.Name+" "+id] = strconv.Itoa(p.Status)
		}
	}
	wrong := 0
	for series, v := range got {
		name, labels, _ := strings.Cut(series, "{")
		if name != "geelark_phone_status_code" {
			continue
		}
		account := label(labels, "account")
		key := account + " " + label(labels, "id")
		a := s.named(account)
		if a == nil || now.Sub(s.looked) < a.bound(now) || now.Before(a.disturbed.Add(a.bound(now))) {
			continue
		}
		if status := strconv.Itoa(int(v)); s.seen[key] == truth[key] && status != truth[key] {
			wrong++
		}
	}
	// A phone may have left its status and come back to it.
	if wrong > len(truth)/1000 {
		s.t.Errorf("%s: %d phones of %d are exposed with a status that they do not have", s.name, wrong, len(truth))
	}
	s.seen, s.looked = truth, now
}

// label returns the value of a label, which holds no quotes here.
func label(labels, name string) string {
	_, rest, _ := strings.Cut(labels, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func (s *server) String() string { return fmt.Sprintf("%s: %d scrapes", s.name, s.scrapes) }
