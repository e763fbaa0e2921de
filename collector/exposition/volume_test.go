package exposition

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	firstOfPages  = NewFamily("pages_first", "The first.", "page", "sample")
	secondOfPages = NewFamily("pages_second", "The second, which not every page has.", "page")
)

// numbered returns a page that tells its number, and that counts how often it is
// rendered unless nobody wants to know. Some are large.
func numbered(number int, rendered *int) *Page {
	return NewPage(Quick, []*Family{firstOfPages, secondOfPages}, func(to *Samples) {
		if rendered != nil {
			*rendered++
		}
		name := fmt.Sprint(number)
		for i := range 1 + number%5*40 {
			to.Gauge(firstOfPages, float64(number*i), name, strings.Repeat(name, 1+i%7))
		}
		if number%3 == 0 {
			to.Gauge(secondOfPages, 1, name)
		}
	})
}

func answerOf(s *Server, encoding string, pages []*Page) (http.Header, []byte) {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	s.serve(w, r, prometheus.Gatherers{}, []*Family{firstOfPages, secondOfPages}, pages)
	return w.Header(), w.Body.Bytes()
}

// Pages are replaced, come, go and change places between answers, which are far
// apart at times: each answer is that of pages that no answer had before.
func TestAnswersDoNotShowWhichPagesStayed(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 0))
		now := time.Unix(1e9, 0)
		server := NewServer(Options{Now: func() time.Time { return now }})
		var numbers []int
		var pages []*Page
		insert := func(at, number int) {
			numbers, pages = slices.Insert(numbers, at, number), slices.Insert(pages, at, numbered(number, nil))
		}
		for i := range r.IntN(3 * volumeSize) {
			insert(i, i)
		}
		for step := range 40 {
			for range r.IntN(3) * r.IntN(2) { // mostly nothing changes
				at, number := r.IntN(len(pages)+1), 1000*(step+1)+r.IntN(1000)
				switch {
				case at == len(pages) || r.IntN(3) == 0:
					insert(at, number)
				case r.IntN(2) == 0:
					numbers, pages = slices.Delete(numbers, at, at+1), slices.Delete(pages, at, at+1)
				default:
					numbers[at], pages[at] = number, numbered(number, nil)
				}
			}
			now = now.Add([]time.Duration{time.Second, time.Minute, kept / 2, kept + 1}[r.IntN(4)])
			encoding := []string{"gzip", "gzip", "gzip", "identity"}[r.IntN(4)]
			var fresh []*Page
			for _, n := range numbers {
				fresh = append(fresh, numbered(n, nil))
			}
			header, body := answerOf(server, encoding, pages)
			wantHeader, want := answerOf(NewServer(Options{Now: time.Now}), encoding, fresh)
			if got, want := decoded(t, header, body), decoded(t, wantHeader, want); !bytes.Equal(got, want) {
				t.Fatalf("seed %d, step %d, %s: got\n%s\nwant\n%s", seed, step, encoding, got, want)
			}
			if got := header.Get("Content-Length"); got != fmt.Sprint(len(body)) {
				t.Fatalf("seed %d, step %d: %d bytes are said to be %s", seed, step, len(body), got)
			}
		}
	}
}

func TestPagesOfAVolumeAreNotRenderedAnewWhenOneOfThemChanges(t *testing.T) {
	now := time.Unix(1e9, 0)
	server := NewServer(Options{Now: func() time.Time { return now }})
	var pages []*Page
	rendered := make([]int, volumeSize+1)
	for i := range volumeSize {
		pages = append(pages, numbered(i, &rendered[i]))
	}
	for range 60 {
		answerOf(server, "gzip", pages)
		now = now.Add(4 * time.Minute)
	}
	pages[3] = numbered(volumeSize, &rendered[volumeSize])
	answerOf(server, "gzip", pages)
	for i, n := range rendered {
		if n != 1 {
			t.Errorf("page %d was rendered %d times", i, n)
		}
	}
	now = now.Add(kept + 1)
	answerOf(server, "gzip", pages)
	if got, want := rendered[:5], []int{2, 2, 2, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("after a while without scrapes the pages were rendered %d times, want %d", got, want)
	}
}

func TestPagesOfAVolumeKeepNoMemoryOfTheirOwn(t *testing.T) {
	now := time.Unix(1e9, 0)
	var pages []*Page
	for i := range volumeSize {
		pages = append(pages, numbered(i, nil))
	}
	for range 2 { // the second time after everything was forgotten
		for range 2 {
			shelve(pages, text, deflated, now)
		}
		shelves := shelve(pages, text, deflated, now)
		if len(shelves) != 1 || len(shelves[0].rendered) != 1 {
			t.Fatalf("the blocks are not joined: %d shelves", len(shelves))
		}
		for family, whole := range shelves[0].rendered[0] {
			at := 0
			for i, p := range pages {
				part := p.blocks(text, deflated, now, false)[family].data
				if len(part) > 0 && &part[0] != &whole.data[at] {
					t.Fatalf("page %d has a block of its own", i)
				}
				at += len(part)
			}
			if at != len(whole.data) {
				t.Errorf("the blocks of pages have %d bytes, joined they have %d", at, len(whole.data))
			}
		}
		if joined(text, deflated, pages[1:], now) != nil {
			t.Error("other pages have their blocks")
		}
		now = now.Add(kept + 1)
	}
}

// Whoever is the first of a volume keeps all of it.
func TestAPageThatIsNotTheFirstAnyMoreKeepsNoVolume(t *testing.T) {
	now := time.Unix(1e9, 0)
	var pages []*Page
	for i := range 5 * volumeSize / 2 {
		pages = append(pages, numbered(i, nil))
	}
	for i := range 40 {
		switch i % 4 {
		case 1:
			pages = slices.Insert(pages, i, numbered(1000+i, nil))
		case 3:
			pages = slices.Delete(pages, 0, 1)
		}
		for range i % 3 {
			shelve(pages, text, deflated, now)
		}
		if i%3 == 0 {
			continue
		}
		for k, p := range pages {
			if first := k%volumeSize == 0; (p.rendered[text][deflated].volume != nil) != first {
				t.Fatalf("step %d: page %d has a volume: %t", i, k, !first)
			}
		}
	}
}

func TestVolumesServeAnswersAtTheSameTime(t *testing.T) {
	server := NewServer(Options{Now: time.Now})
	pages := make([]*Page, 3*volumeSize)
	for i := range pages {
		pages[i] = numbered(i, nil)
	}
	header, body := answerOf(server, "gzip", pages)
	want := decoded(t, header, body)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 20 {
				some := slices.Clone(pages)
				if n%5 == i%5 {
					some[n] = numbered(n, nil)
				}
				header, body := answerOf(server, []string{"gzip", "identity"}[n%7/6], some)
				if got := decoded(t, header, body); !bytes.Equal(got, want) {
					t.Error("an answer is not the others'")
					return
				}
			}
		})
	}
	wg.Wait()
}
