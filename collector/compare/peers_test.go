package compare

import (
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	basemetrics "k8s.io/component-base/metrics"
	"k8s.io/kube-state-metrics/v2/pkg/metric"
	generator "k8s.io/kube-state-metrics/v2/pkg/metric_generator"
	metricsstore "k8s.io/kube-state-metrics/v2/pkg/metrics_store"

	"geelark_exporter/collector"
	"geelark_exporter/collector/watch"
)

// The peers, in the order of benchstat's columns.
const (
	byExporter         = "exporter"
	byProbe            = "probe"
	byReadyBytes       = "ready-bytes"
	byPlain            = "plain"
	byKubeStateMetrics = "kube-state-metrics"
	byVictoriaMetrics  = "victoriametrics"
)

// A peer exposes a fleet.
type peer struct {
	name string
	http.Handler
	// change gives a share of its phones another status and lets it know.
	change func(tb testing.TB, share float64)
}

// newExporter is the product's /metrics.
func newExporter(f *fleet) peer {
	return peer{byExporter, f.Handler(collector.HandlerOptions{}), f.change}
}

// newProbe is the product's /probe of the fleet's first account.
func newProbe(f *fleet) peer {
	probe := f.ProbeHandler(collector.HandlerOptions{})
	return peer{byProbe, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = "account=account-00"
		probe.ServeHTTP(w, r)
	}), f.change}
}

// newPlain is what an exporter has without a handler of its own: its collector
// behind promhttp.
func newPlain(f *fleet) peer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.Collector)
	return peer{byPlain, promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}), f.change}
}

// newReadyBytes is the least that anybody takes over HTTP: it writes what the
// exporter has answered before.
func newReadyBytes(exporter peer, r *http.Request) peer {
	w := httptest.NewRecorder()
	exporter.ServeHTTP(w, r)
	header, body := w.Header(), w.Body.Bytes()
	return peer{byReadyBytes, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		if _, err := w.Write(body); err != nil {
			panic(err)
		}
	}), nil}
}

// newKubeStateMetrics is the store of kube-state-metrics with an object for each
// phone. It has the series of single phones only, and is told which of them have
// changed.
func newKubeStateMetrics(tb testing.TB, f *fleet) peer {
	tb.Helper()
	store := metricsstore.NewMetricsStore(generator.ExtractMetricFamilyHeaders(families), generator.ComposeMetricGenFuncs(families))
	phones := newPhones(f.Watcher)
	update := func(tb testing.TB, i int) {
		tb.Helper()
		p := &phones.known[i]
		if err := store.Update(&object{metav1.ObjectMeta{UID: types.UID(p.Account + "/" + p.ID)}, p}); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range phones.known {
		update(tb, i)
	}
	change := func(tb testing.TB, share float64) {
		tb.Helper()
		for _, i := range phones.change(share) {
			update(tb, i)
		}
	}
	return peer{byKubeStateMetrics, storeHandler{metricsstore.NewMetricsWriter("phones", store)}, change}
}

// newVictoriaMetrics is a set of VictoriaMetrics/metrics with a gauge for each
// series of single phones, whose name is rendered once. It is told which phones
// have changed.
func newVictoriaMetrics(f *fleet) peer {
	metrics.ExposeMetadata(true)
	set, phones := metrics.NewSet(), newPhones(f.Watcher)
	update := func(p *watch.PhoneOverview) {
		for _, f := range families {
			for _, m := range f.GenerateFunc(&object{PhoneOverview: p}).Metrics {
				set.GetOrCreateGauge(nameOf(f.Name, m), nil).Set(m.Value)
			}
		}
	}
	for i := range phones.known {
		update(&phones.known[i])
	}
	change := func(_ testing.TB, share float64) {
		for _, i := range phones.change(share) {
			update(&phones.known[i])
		}
	}
	return peer{byVictoriaMetrics, setHandler{set}, change}
}

// nameOf is a series with its labels as the text format has it.
func nameOf(family string, m *metric.Metric) string {
	var name strings.Builder
	name.WriteString(family)
	between := "{"
	for i, l := range m.LabelKeys {
		name.WriteString(between + l + `="` + escapes.Replace(m.LabelValues[i]) + `"`)
		between = ","
	}
	name.WriteString("}")
	return name.String()
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// setHandler compresses as VictoriaMetrics' own servers do (lib/httpserver), at
// the best speed.
type setHandler struct{ *metrics.Set }

func (h setHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.WritePrometheus(w)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	compressor, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		panic(err)
	}
	defer compressor.Close()
	h.WritePrometheus(compressor)
}

// storeHandler writes as kube-state-metrics' own handler does
// (pkg/metricshandler of v2.20.0), in the text format.
type storeHandler metricsstore.MetricsWriterList

func (h storeHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	w.Header().Set("Content-Type", string(format))
	var to io.Writer = w
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		compressor := gzip.NewWriter(w)
		defer compressor.Close()
		to = compressor
	}
	for _, writer := range metricsstore.SanitizeHeaders(format, metricsstore.MetricsWriterList(h)) {
		if err := writer.WriteAll(to); err != nil {
			panic(err)
		}
	}
}

// An object is a phone as the store takes it.
type object struct {
	metav1.ObjectMeta
	*watch.PhoneOverview
}

// families are the exporter's of single phones.
var families = []generator.FamilyGenerator{
	family("geelark_phone_status", "Whether the phone has this status.", func(p *watch.PhoneOverview) []*metric.Metric {
		var metrics []*metric.Metric
		for _, s := range statuses {
			metrics = append(metrics, sample(p, oneIf(s == p.Status), label{"status", s.String()}))
		}
		return metrics
	}),
	family("geelark_phone_status_code", "The phone's status code.", func(p *watch.PhoneOverview) []*metric.Metric {
		return []*metric.Metric{sample(p, float64(p.Status))}
	}),
	family("geelark_phone_info", "What is known of the phone.", func(p *watch.PhoneOverview) []*metric.Metric {
		tags := ""
		if len(p.Tags) > 0 {
			tags = "," + strings.Join(p.Tags, ",") + ","
		}
		return []*metric.Metric{sample(
			p, 1,
			label{"serial_name", p.SerialName}, label{"serial_no", p.SerialNo}, label{"group", p.Group}, label{"tags", tags},
			label{"charge_mode", p.ChargeMode.String()}, label{"bound", p.Bound.String()}, label{"country", p.Country}, label{"os_version", p.OSVersion},
			label{"brand", p.Brand}, label{"model", p.Model}, label{"net_type", p.NetType},
		)}
	}),
	family("geelark_phone_subscription_expiry_timestamp_seconds", "When the subscription ends.", func(p *watch.PhoneOverview) []*metric.Metric {
		return at(p, p.SubscriptionEnds)
	}),
	family("geelark_phone_created_timestamp_seconds", "When the phone was created.", func(p *watch.PhoneOverview) []*metric.Metric {
		return at(p, p.Since)
	}),
	family("geelark_phone_rpa_running", "Whether a task was running.", func(p *watch.PhoneOverview) []*metric.Metric {
		return []*metric.Metric{sample(p, oneIf(p.RPARunning.String() == "yes"))}
	}),
}

func family(name, help string, metrics func(*watch.PhoneOverview) []*metric.Metric) generator.FamilyGenerator {
	return *generator.NewFamilyGeneratorWithStability(name, help, metric.Gauge, basemetrics.ALPHA, "", func(o any) *metric.Family {
		return &metric.Family{Metrics: metrics(o.(*object).PhoneOverview)}
	})
}

type label struct{ name, value string }

func sample(p *watch.PhoneOverview, value float64, more ...label) *metric.Metric {
	m := &metric.Metric{LabelKeys: []string{"account", "id"}, LabelValues: []string{p.Account, p.ID}, Value: value}
	for _, l := range more {
		m.LabelKeys, m.LabelValues = append(m.LabelKeys, l.name), append(m.LabelValues, l.value)
	}
	return m
}

func at(p *watch.PhoneOverview, t time.Time) []*metric.Metric {
	if t.IsZero() {
		return nil
	}
	return []*metric.Metric{sample(p, float64(t.Unix()))}
}

func oneIf(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
