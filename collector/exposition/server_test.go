package exposition

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

const (
	protobufType        = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	textProtobufType    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text"
	compactProtobufType = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text"
)

// accepts are what clients ask for.
var accepts = []string{
	"", "*/*", "text/plain", "text/plain;version=0.0.4", "text/plain;version=1.0.0;q=0.5,*/*;q=0.1", "text/html,application/xml;q=0.9,*/*;q=0.8",
	"application/openmetrics-text", "application/openmetrics-text;version=0.0.1", "application/openmetrics-text;version=1.0.0",
	"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8", "application/openmetrics-text;version=2.0.0",
	textProtobufType, compactProtobufType, compactProtobufType + ";escaping=dots", textProtobufType + ";q=0.9,text/plain;q=0.8",
	protobufType, protobufType + ";escaping=underscores", protobufType + ";escaping=dots", "application/json",
	"text/plain;version=1.0.0;escaping=values", "text/plain;escaping=dots", "application/openmetrics-text;version=1.0.0;escaping=values", "application/openmetrics-text;version=0.0.1;escaping=dots",
	// Prometheus 3, without and with native histograms.
	"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
	protobufType + ";q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
}

var acceptEncodings = []string{"", "gzip", "zstd", "identity", "*", "gzip, zstd", "zstd;q=0.5, gzip;q=0.9", "gzip;q=0", "deflate, br", "gzip;q=0, *;q=0.3", "identity;q=0, gzip"}

// same fails unless both handlers answer with the same headers and, in the
// format that was asked for, the same families and samples.
func same(t *testing.T, b *bench, url string, headers map[string]string) {
	t.Helper()
	wantHeader, wantCode, want := scrape(b.promhttp, url, headers)
	header, code, body := scrape(b, url, headers)
	if code != wantCode {
		t.Fatalf("%v: status %d, want %d", headers, code, wantCode)
	}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Vary"} {
		if !slices.Equal(header[name], wantHeader[name]) {
			t.Fatalf("%v: %s is %q, promhttp's is %q", headers, name, header[name], wantHeader[name])
		}
	}
	if length := header.Get("Content-Length"); length != "" && length != fmt.Sprint(len(body)) {
		t.Fatalf("%v: the length is said to be %s, it is %d", headers, length, len(body))
	}
	want, body = decoded(t, wantHeader, want), decoded(t, header, body)
	switch expfmt.Format(header.Get("Content-Type")).FormatType() {
	case expfmt.TypeProtoDelim:
		sameMessages(t, messages(t, body), messages(t, want))
		return
	case expfmt.TypeProtoText, expfmt.TypeProtoCompact:
		sameMessages(t, messagesAsText(t, body), messagesAsText(t, want))
		return
	}
	if got, want := sorted(body), sorted(want); got != want {
		t.Fatalf("%v: got\n%s\nwant\n%s", headers, got, want)
	}
}

func sameMessages(t *testing.T, got, want []*dto.MetricFamily) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d families, want %d", len(got), len(want))
	}
	for i := range got {
		if !proto.Equal(got[i], want[i]) {
			t.Fatalf("got\n%s\nwant\n%s", prototext.Format(got[i]), prototext.Format(want[i]))
		}
	}
}

// messages parses families, their metrics in the order of their text.
func messages(t *testing.T, body []byte) (families []*dto.MetricFamily) {
	t.Helper()
	d := expfmt.NewDecoder(bytes.NewReader(body), expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		mf := new(dto.MetricFamily)
		if err := d.Decode(mf); errors.Is(err, io.EOF) {
			return families
		} else if err != nil {
			t.Fatal(err)
		}
		families = append(families, byText(mf))
	}
}

// messagesAsText parses families that are written as text, each beginning with
// its name.
func messagesAsText(t *testing.T, body []byte) (families []*dto.MetricFamily) {
	t.Helper()
	for i, one := range strings.Split("\n"+string(body), "\nname:") {
		if i == 0 {
			continue
		}
		mf := new(dto.MetricFamily)
		if err := prototext.Unmarshal([]byte("name:"+one), mf); err != nil {
			t.Fatal(err)
		}
		families = append(families, byText(mf))
	}
	return families
}

// byText puts a family's metrics in the order of their text: theirs tells
// nothing.
func byText(mf *dto.MetricFamily) *dto.MetricFamily {
	slices.SortFunc(mf.Metric, func(a, b *dto.Metric) int { return strings.Compare(a.String(), b.String()) })
	return mf
}

func TestAnswersAreThoseOfPromhttp(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 0))
		b := newBench(random(r))
		for range 8 {
			headers := map[string]string{}
			if accept := accepts[r.IntN(len(accepts))]; accept != "" {
				headers["Accept"] = accept
			}
			if accept := acceptEncodings[r.IntN(len(acceptEncodings))]; accept != "" {
				headers["Accept-Encoding"] = accept
			}
			same(t, b, "/metrics", headers)
		}
	}
}

func TestEveryFormatIsNegotiatedAsPromhttpDoes(t *testing.T) {
	b := newBench(random(rand.New(rand.NewPCG(1, 1))))
	for _, accept := range accepts {
		for _, encoding := range acceptEncodings {
			same(t, b, "/metrics", map[string]string{"Accept": accept, "Accept-Encoding": encoding})
		}
	}
}

func FuzzSamples(f *testing.F) {
	f.Add("help", "value", 1.0, uint8(3))
	f.Add("a \\ and\n a \"", "\\\"\n", 1e9, uint8(200))
	f.Fuzz(func(t *testing.T, help, value string, v float64, n uint8) {
		help, value = strings.ToValidUTF8(help, "?"), strings.ToValidUTF8(value, "?")
		var samples []sample
		for i := range int(n) {
			samples = append(samples, sample{family: i % 2, value: v * float64(i), labels: []string{value + fmt.Sprint(i/2), value}[:2-i%2]})
		}
		b := newBench([]declaration{{"k_two_total", help, true, []string{"b", "a"}}, {"b_one", value, false, []string{"x"}}}, [][]sample{samples[:len(samples)/2], samples[len(samples)/2:]})
		for _, accept := range []string{"", "application/openmetrics-text;version=1.0.0", protobufType} {
			for _, encoding := range []string{"identity", "gzip", "zstd"} {
				same(t, b, "/metrics", map[string]string{"Accept": accept, "Accept-Encoding": encoding})
			}
		}
	})
}

func TestFamiliesAreChosenByName(t *testing.T) {
	declared := []declaration{{"b_pages", "In pages.", false, []string{"id"}}, {"y_pages", "In pages too.", false, nil}}
	b := newBench(declared, [][]sample{{{0, 1, []string{"1"}}}, {{0, 2, []string{"2"}}, {1, 3, nil}}})
	for _, query := range []string{"", "?name[]=b_pages", "?name[]=y_pages&name[]=a_requests_total", "?name[]=m_duration_seconds", "?name[]=nothing", "?name[]="} {
		for _, accept := range []string{"", "application/openmetrics-text;version=1.0.0", protobufType} {
			same(t, b, "/metrics"+query, map[string]string{"Accept": accept, "Accept-Encoding": "gzip"})
		}
	}
}

func TestAnAnswerWithoutSamplesIsValid(t *testing.T) {
	b := newBench(nil, nil)
	b.gathered, b.promhttp = prometheus.Gatherers{}, newBench(nil, nil).server.negotiator
	for _, accept := range accepts {
		for _, encoding := range acceptEncodings {
			same(t, b, "/metrics", map[string]string{"Accept": accept, "Accept-Encoding": encoding})
		}
	}
}

func TestErrorsAreLoggedAndCountedAsPromhttpDoes(t *testing.T) {
	broken := errors.New("broken")
	other := others()
	for name, tt := range map[string]struct {
		gather    prometheus.GathererFunc
		writer    http.ResponseWriter
		code      int
		cause     string
		says      string
		withPages bool
	}{
		"nothing at all": {
			func() ([]*dto.MetricFamily, error) { return nil, broken }, nil,
			http.StatusInternalServerError, "gathering", "error gathering metrics: broken", false,
		},
		"nothing gathered beside pages": {
			func() ([]*dto.MetricFamily, error) { return nil, broken }, nil,
			http.StatusOK, "gathering", "error gathering metrics: broken", true,
		},
		"something gathered": {
			func() ([]*dto.MetricFamily, error) { f, _ := other.Gather(); return f, broken }, nil,
			http.StatusOK, "gathering", "error gathering metrics: broken", true,
		},
		"a family that cannot be encoded": {
			func() ([]*dto.MetricFamily, error) {
				f, err := other.Gather()
				return append([]*dto.MetricFamily{{Name: new("0_nothing"), Type: dto.MetricType_GAUGE.Enum()}}, f...), err
			}, nil, http.StatusOK, "encoding", "error encoding metric family", true,
		},
		"a client that went away": {
			other.Gather, deaf{httptest.NewRecorder()}, http.StatusOK, "encoding", "error sending metrics: gone", false,
		},
	} {
		for _, encoding := range []string{"identity", "gzip", "zstd"} {
			t.Run(name+"/"+encoding, func(t *testing.T) {
				var logged bytes.Buffer
				registry := prometheus.NewRegistry()
				b := newBench(random(rand.New(rand.NewPCG(3, 3))))
				b.server = NewServer(Options{ErrorLog: log.New(&logged, "", 0), Registerer: registry, Now: b.server.o.Now})
				// Another handler of the same registry shares the count.
				again := NewServer(Options{Registerer: registry, Now: b.server.o.Now})
				r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
				r.Header.Set("Accept-Encoding", encoding)
				recorder := httptest.NewRecorder()
				var w http.ResponseWriter = recorder
				if tt.writer != nil {
					w = tt.writer
				}
				if tt.code != http.StatusOK {
					b.pages = nil
				}
				b.server.serve(w, r, tt.gather, b.families, b.pages)
				if recorder.Code != tt.code {
					t.Errorf("status %d, want %d", recorder.Code, tt.code)
				}
				if body := decoded(t, recorder.Header(), recorder.Body.Bytes()); tt.withPages && !bytes.Contains(body, []byte("_family_")) {
					t.Errorf("what is in pages is not in the answer:\n%s", body)
				}
				if !strings.Contains(logged.String(), tt.says) {
					t.Errorf("logged %q, want %q", logged.String(), tt.says)
				}
				for _, cause := range []string{"gathering", "encoding"} {
					want := 0.0
					if cause == tt.cause {
						want = 1
					}
					if got := testutil.ToFloat64(again.errors.WithLabelValues(cause)); got != want {
						t.Errorf("%v errors of %s, want %v", got, cause, want)
					}
				}
			})
		}
	}
}

// deaf is a client that is gone.
type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestANameThatIsTakenIsAProgrammersError(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "promhttp_metric_handler_errors_total"}))
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewServer(Options{Registerer: registry})
}

func TestScrapesAtTheSameTimeShareRenderings(t *testing.T) {
	declared, pages := random(rand.New(rand.NewPCG(5, 5)))
	b := newBench(declared, pages)
	var mu sync.Mutex
	rendered := make(map[int]int)
	for i, p := range b.pages {
		collect := p.collect
		b.pages[i] = NewPage(Thorough, b.families, func(s *Samples) {
			mu.Lock()
			rendered[i]++
			mu.Unlock()
			collect(s)
		})
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, encoding := range []string{"gzip", "identity", "zstd"} {
				same(t, b, "/metrics", map[string]string{"Accept-Encoding": encoding})
			}
		})
	}
	wg.Wait()
	for i := range b.pages {
		if rendered[i] != 2 { // zstd is made of what identity is
			t.Errorf("page %d was rendered %d times, want twice", i, rendered[i])
		}
	}
}

// A socket takes some bytes and then no more.
type socket struct {
	headers
	room   int
	failed int      // writes
	taken  [][]byte // what it was given, not copied
}

func (s *socket) Write(b []byte) (int, error) {
	if s.room -= len(b); s.room < 0 {
		s.failed++
		return 0, errors.New("gone")
	}
	s.taken = append(s.taken, b)
	return len(b), nil
}

// blocksOfAllSizes are pages of which some are larger than buffers.
func blocksOfAllSizes() (*Family, []*Page) {
	f := NewFamily("a_gauge", "A gauge.", "of")
	var pages []*Page
	for _, size := range []int{10, 200 << 10, 10, 10, 40 << 10, 1 << 10, 70 << 10, 10} {
		pages = append(pages, NewPage(Quick, []*Family{f}, func(to *Samples) { to.Gauge(f, 1, noise64(size)) }))
	}
	return f, pages
}

// noise64 is text that can be compressed to no less than three quarters.
func noise64(n int) string { return base64.StdEncoding.EncodeToString([]byte(noise(n * 3 / 4))) }

func TestAfterAFailedWriteNothingMoreIsWritten(t *testing.T) {
	for _, encoding := range []string{"identity", "gzip", "zstd"} {
		t.Run(encoding, func(t *testing.T) {
			f, pages := blocksOfAllSizes()
			send := func(room int) (*socket, string, float64) {
				var logged bytes.Buffer
				s := NewServer(Options{ErrorLog: log.New(&logged, "", 0), Registerer: prometheus.NewRegistry(), Now: time.Now})
				r := request("")
				r.Header.Set("Accept-Encoding", encoding)
				w := &socket{headers: make(headers), room: room}
				s.serve(w, r, prometheus.Gatherers{}, []*Family{f}, pages)
				return w, logged.String(), testutil.ToFloat64(s.errors.WithLabelValues("encoding"))
			}
			const enough = 10 << 20
			w, logged, errors := send(enough)
			if w.failed > 0 || logged != "" || errors != 0 {
				t.Fatalf("of %d bytes %d writes failed, logged %q, counted %g errors", enough-w.room, w.failed, logged, errors)
			}
			for room := enough - w.room - 1; room >= 0; room = room * 19 / 20 {
				w, logged, errors := send(room)
				if w.failed != 1 || !strings.Contains(logged, "error sending metrics: gone") || errors != 1 {
					t.Fatalf("after %d bytes %d writes failed, logged %q, counted %g errors", room, w.failed, logged, errors)
				}
				if room == 0 {
					break
				}
			}
		})
	}
}

func TestLargeBlocksAreSentFromWhereTheyAre(t *testing.T) {
	f, pages := blocksOfAllSizes()
	r := request("")
	r.Header.Set("Accept-Encoding", "gzip")
	w := &socket{headers: make(headers), room: 10 << 20}
	NewServer(Options{Now: time.Now}).serve(w, r, prometheus.Gatherers{}, []*Family{f}, pages)
	for i, p := range pages {
		block := p.blocks(text, deflated, time.Now(), false)[0].data
		sent := slices.ContainsFunc(w.taken, func(b []byte) bool { return &b[0] == &block[0] && len(b) == len(block) })
		if sent != (len(block) > 30<<10) {
			t.Errorf("page %d, %d bytes: sent by itself: %t", i, len(block), sent)
		}
	}
}
