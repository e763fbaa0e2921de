package collector

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"

	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// inPages answers with what is known, as the metrics path does.
func (b *bench) inPages(w http.ResponseWriter, r *http.Request, v view) {
	p := paged{view: v, snapshots: v.snapshots()}
	exposition.NewServer(exposition.Options{Now: time.Now}).Answer(r, nil, gatherer(counted{view: v}, nil), rendered(p.families()), p.pages()).Send(w)
}

// plainly answers as a registry behind promhttp does.
func plainly(w http.ResponseWriter, r *http.Request, v view) {
	promhttp.HandlerFor(gatherer(v, nil), promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
}

var contentTypes = []string{
	"text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0",
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
}

// answered returns an answer, each family's samples in the order of their text.
func answered(t *testing.T, answer func(http.ResponseWriter, *http.Request, view), v view, accept string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	answer(w, r, v)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d, %s: %s", w.Code, w.Header(), w.Body)
	}
	if accept != contentTypes[2] {
		lines := strings.SplitAfter(w.Body.String(), "\n")
		start := 0
		for i, l := range lines {
			if strings.HasPrefix(l, "#") {
				slices.Sort(lines[start:i])
				start = i + 1
			}
		}
		return strings.Join(lines, "")
	}
	var all strings.Builder
	d := expfmt.NewDecoder(w.Body, expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		mf := new(dto.MetricFamily)
		if err := d.Decode(mf); errors.Is(err, io.EOF) {
			return all.String()
		} else if err != nil {
			t.Fatal(err)
		}
		var metrics []string
		for _, m := range mf.Metric {
			text, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			metrics = append(metrics, fmt.Sprintf("%q\n", text))
		}
		slices.Sort(metrics)
		fmt.Fprintln(&all, mf.GetName(), mf.GetType(), mf.GetHelp(), metrics)
	}
}

// agree fails unless both ways of answering say the same.
func (b *bench) agree(accept string, collectors ...string) {
	b.t.Helper()
	v := b.all()
	v.collectors = collectors
	want := answered(b.t, plainly, v, accept)
	if got := answered(b.t, b.inPages, v, accept); got != want {
		b.t.Fatalf("%s, collectors %s: got\n%s\nwant\n%s", accept, collectors, got, want)
	}
}

// A page is made of what is known at one moment, and outlives it while nothing of
// it changes.
func TestPagesKeepNothingThatIsGone(t *testing.T) {
	inBubbleWith(t, 600, nil, nil, func(b *bench) {
		b.pollAndList()
		known := func() *phones.Snapshot { return b.all().snapshots()[0] }
		var gone []weak.Pointer[phones.Conditions]
		for i := range 10 {
			b.agree(contentTypes[0], watch.DefaultCollectors()...)
			now := known()
			for _, c := range now.Conditions {
				gone = append(gone, weak.Make(c))
			}
			b.sim.SetStatus(b.sim.IDs()[50*i], 1)
			time.Sleep(time.Hour)
			b.pollAndList()
		}
		b.agree(contentTypes[0], watch.DefaultCollectors()...)
		runtime.GC()
		now := known()
		for i, c := range gone {
			if c := c.Value(); c != nil && !slices.Contains(now.Conditions, c) {
				t.Fatalf("chunk %d of %d is gone and kept", i, len(gone))
			}
		}
	})
}

// Phones come, go, change, fail, grow old and are renamed, and accounts change
// their labels and lifetimes: pages always say what the plain collector says.
func TestPagesSayWhatThePlainCollectorSays(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				var configs []watch.AccountConfig
				sims := make(map[string]*geelarktest.Server)
				api := make(hosts)
				for i := range 3 {
					host := fmt.Sprintf("%d.test", i)
					sims[host] = geelarktest.New(geelarktest.Config{Phones: 10 + r.IntN(150), Seed: seed, Now: time.Now, Token: testToken})
					api[host] = sims[host].RoundTripper()
					cfg := testConfig()
					cfg.Name, cfg.BaseURL = fmt.Sprintf("account-%d", i), "http://"+host
					cfg.Labels = map[string]string{"owner": words[r.IntN(len(words))]}
					configs = append(configs, cfg)
				}
				configs[1].IDs = append(sims["1.test"].IDs()[:5], "no-such-phone", "another_one")
				b := newBench(t, api, nil, configs...)
				defer b.Close()
				agree := func() {
					b.agree(contentTypes[r.IntN(3)], [][]string{watch.DefaultCollectors(), {watch.CollectorStatus}, {watch.CollectorInventory}, {watch.CollectorBilling}}[r.IntN(4)]...)
				}
				agree()
				for range 60 {
					cfg := &configs[r.IntN(len(configs))]
					sim := sims[cfg.BaseURL[len("http://"):]]
					ids := sim.IDs()
					some := func() string { return ids[r.IntN(len(ids))] }
					switch r.IntN(9) {
					case 0:
						for range r.IntN(20) {
							sim.SetStatus(some(), r.IntN(6))
						}
					case 1:
						sim.Add(r.IntN(40))
					case 2:
						sim.Remove(slices.Compact([]string{some()})...)
					case 3:
						sim.Rename(some(), words[r.IntN(len(words))])
					case 4:
						sim.Edit(some(), func(p *geelarktest.Phone) {
							p.Group, p.Tags, p.Brand = words[r.IntN(len(words))], words[:r.IntN(3)], words[r.IntN(len(words))]
						})
					case 5:
						sim.Inject(geelarktest.Fault{Times: 1 + r.IntN(4), FailIDs: map[string]geelark.Code{some(): geelark.CodePhoneNotFound}, OmitIDs: []string{some()}})
					case 6:
						sim.Inject(geelarktest.Fault{Times: 1 + r.IntN(4), Code: geelark.CodeUnknown})
					case 7:
						cfg.MaxStaleness = time.Duration(1+r.IntN(10)) * time.Minute
						cfg.Labels = map[string]string{"owner": words[r.IntN(len(words))], "tier": "1"}
						if err := b.Reload(configs); err != nil {
							t.Fatal(err)
						}
					case 8:
						time.Sleep(time.Duration(r.IntN(15)) * time.Minute)
						agree() // before anything is polled
					}
					time.Sleep(time.Duration(r.IntN(60)) * time.Second)
					b.pollAndList()
					agree()
				}
			})
		})
	}
}

// words are hard on escaping.
var words = []string{"", "a", `"`, `\`, "\n", "手机", "a,b", " x "}

// Scrapes go on while phones change, come and go, and each shows one state of
// each phone.
func TestAScrapeShowsEachPhoneInOneState(t *testing.T) {
	t.Parallel()
	b := newBench(t, answering(""), nil, testConfig())
	defer b.Close()
	store := b.account().Phones()
	id := func(i int) string { return strconv.Itoa(10000 + i) }
	var writers, scrapers sync.WaitGroup
	done := make(chan struct{})
	for n := range 2 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 0))
			for {
				select {
				case <-done:
					return
				default:
				}
				switch r.IntN(8) {
				case 0:
					var ids []string
					for i := range 300 {
						if r.IntN(10) > 0 {
							ids = append(ids, id(i))
						}
					}
					store.TrackOnly(ids)
				case 1:
					var listed []geelark.ListedPhone
					for range 100 {
						listed = append(listed, geelark.ListedPhone{At: time.Now(), Phone: geelark.Phone{ID: id(r.IntN(300)), Group: geelark.Some(fmt.Sprint(r.IntN(3))), Status: geelark.Some(geelark.Status(r.IntN(2)))}})
					}
					store.TrackListed(store.NewRound(), listed, true)
				case 2:
					store.GiveBack(store.Take(100), time.Now())
				default:
					var found []phones.Observation
					for range 100 {
						o := phones.Observation{ID: id(r.IntN(300)), At: time.Now(), Status: geelark.Status(r.IntN(5))}
						if r.IntN(10) == 0 {
							o.Failure = phones.Failure{Kind: phones.Missing}
						}
						found = append(found, o)
					}
					store.Observe(found)
				}
			}
		})
	}
	const scrapes = 15
	for range 2 {
		scrapers.Go(func() {
			for range scrapes {
				w := httptest.NewRecorder()
				b.inPages(w, httptest.NewRequest(http.MethodGet, "/metrics", nil), b.all())
				consistent(t, parse(t, w))
				if o := b.Overview().Accounts[0]; o.Phones != sum(o.States) {
					t.Errorf("%d phones, by state %v", o.Phones, o.States)
				}
			}
		})
	}
	scrapers.Wait()
	close(done)
	writers.Wait()
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// consistent fails unless the families of an answer agree with each other.
func consistent(t *testing.T, families map[string]*dto.MetricFamily) {
	s := gather(t, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		return slices.Collect(maps.Values(families)), nil
	}))
	label := func(m *dto.Metric, name string) string {
		for _, l := range m.GetLabel() {
			if l.GetName() == name {
				return l.GetValue()
			}
		}
		return ""
	}
	groups := make(map[string]string)
	for _, m := range families["geelark_phone_info"].GetMetric() {
		groups[label(m, "id")] = label(m, "group")
	}
	phones, groupPhones, known := make(samples), make(samples), make(map[string]bool)
	for _, m := range families["geelark_phone_status"].GetMetric() {
		id, word := label(m, "id"), label(m, "status")
		if m.GetGauge().GetValue() == 0 {
			continue
		}
		if known[id] {
			t.Errorf("phone %s has two statuses", id)
		}
		known[id] = true
		code := s[fmt.Sprintf("geelark_phone_status_code{account=%q,id=%q}", "default", id)]
		if geelark.Status(code).String() != word {
			t.Errorf("phone %s is %s and has code %v", id, word, code)
		}
		phones[fmt.Sprintf("geelark_phones{account=%q,code=\"%v\",status=%q}", "default", code, word)]++
		if group, listed := groups[id]; listed {
			groupPhones[fmt.Sprintf("geelark_group_phones{account=%q,code=\"%v\",group=%q,status=%q}", "default", code, group, word)]++
		}
	}
	for family, want := range map[string]samples{"geelark_phones": phones, "geelark_group_phones": groupPhones} {
		got := s.having(family)
		maps.DeleteFunc(got, func(_ string, v float64) bool { return v == 0 })
		if !maps.Equal(got, want) {
			t.Errorf("%s says %v, the phones say %v", family, got, want)
		}
	}
	for _, m := range families["geelark_phone_lookup_failed"].GetMetric() {
		if id := label(m, "id"); known[id] {
			t.Errorf("phone %s has a status and a failed lookup", id)
		}
	}
	if got, want := s.unobserved("default"), s[`geelark_phones_tracked{account="default"}`]-float64(len(known)); got != want {
		t.Errorf("%v phones are unobserved, want %v", got, want)
	}
}

// Both paths answer with the same pages, so that a probe renders only what has
// changed since anybody's scrape.
func TestAProbeSharesItsPagesWithTheMetricsPath(t *testing.T) {
	for first, handler := range map[string]func(*Collector, HandlerOptions) http.Handler{
		"/metrics": (*Collector).Handler, "/probe?account=default": (*Collector).ProbeHandler,
	} {
		t.Run(first+" first", func(t *testing.T) {
			inBubbleWith(t, 20, nil, nil, func(b *bench) {
				parse(t, get(t, handler(b.Collector, HandlerOptions{}), first))
				synctest.Wait()
				for _, s := range b.all().snapshots() {
					for _, chunk := range s.Conditions {
						if chunk.Made(nil) == nil {
							t.Error("nothing is kept of a page of conditions")
						}
					}
				}
			})
		})
	}
}

func TestFormatsForEyesAreAnsweredToo(t *testing.T) {
	inBubbleWith(t, 20, nil, nil, func(b *bench) {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text")
		w := httptest.NewRecorder()
		b.Handler(HandlerOptions{}).ServeHTTP(w, r)
		if got := strings.Count(w.Body.String(), `name:"geelark_phone_status_code"`); w.Code != http.StatusOK || got != 1 {
			t.Errorf("status %d, geelark_phone_status_code is there %d times: %.500s", w.Code, got, w.Body)
		}
	})
}
