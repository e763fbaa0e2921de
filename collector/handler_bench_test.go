package collector

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

// known is an account that knows all of its phones, and polls nothing.
func known(tb testing.TB, phones int) *Collector {
	cfg := testConfig()
	cfg.CacheTTL, cfg.MaxStaleness, cfg.Discovery.Interval = 1000*time.Hour, 1000*time.Hour, 1000*time.Hour
	now := time.Now()
	o := testOptions(answering(""), io.Discard)
	o.Now = func() time.Time { return now }
	c, err := New([]AccountConfig{cfg}, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	a := c.fleet.Load().accounts[0]
	r := rand.New(rand.NewPCG(1, 2))
	for range phones {
		l := geelark.ListedPhone{At: now, Phone: geelark.Phone{
			ID: fmt.Sprint(500_000_000_000_000_000 + r.Uint64N(200_000_000_000_000_000)), SerialName: fmt.Sprintf("farm-%05d", r.IntN(100000)),
			SerialNo: fmt.Sprint(r.IntN(100000)), Group: fmt.Sprintf("group %d", r.IntN(10)), Tags: []string{"prod", "team-a"}[:r.IntN(3)],
			Status: geelark.Status(r.IntN(2)), HasStatus: true, Bound: true, MonthlyExpire: now.Add(time.Duration(r.IntN(1e6)) * time.Second), CreateTime: now.Add(-time.Duration(r.IntN(1e7)) * time.Second),
			Country: "Japan", OSVersion: "Android 13", Brand: "samsung", Model: fmt.Sprintf("SM-S%d", r.IntN(30)), NetType: "wifi",
		}}
		a.cache.trackListed(1, []geelark.ListedPhone{l}, true)
	}
	ids := a.cache.ids()
	a.cache.take(phones)
	a.cache.giveBack(ids, now)
	a.inventory.next = now.Add(1000 * time.Hour)
	a.billing.next = now.Add(1000 * time.Hour)
	return c
}

func BenchmarkHandler(b *testing.B) {
	for _, phones := range []int{1000, 10_000, 100_000} {
		c := known(b, phones)
		a := c.fleet.Load().accounts[0]
		ids := a.cache.ids()
		h := c.Handler(HandlerOptions{})
		for _, encoding := range []string{"identity", "gzip", "zstd"} {
			for _, changed := range []float64{0, .01} {
				b.Run(fmt.Sprintf("phones=%d/encoding=%s/changed=%v", phones, encoding, changed), func(b *testing.B) {
					r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
					r.Header.Set("Accept-Encoding", encoding)
					h.ServeHTTP(&discard{h: http.Header{}}, r)
					b.ReportAllocs()
					rnd := rand.New(rand.NewPCG(1, 2))
					n := 0
					for b.Loop() {
						if changed > 0 {
							b.StopTimer()
							for range int(changed * float64(phones)) {
								a.cache.observe([]observation{{id: ids[rnd.IntN(len(ids))], at: c.o.Now(), status: geelark.Status(rnd.IntN(4))}})
							}
							b.StartTimer()
						}
						w := &discard{h: http.Header{}}
						h.ServeHTTP(w, r)
						n = w.n
					}
					b.ReportMetric(float64(n), "B/scrape")
				})
			}
		}
	}
}

type discard struct {
	h http.Header
	n int
}

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { d.n += len(b); return len(b), nil }
