package compare

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

// moments are those at which peers must agree: how many of the phones have
// changed since the one before.
var moments = []struct {
	name    string
	changed float64
}{
	{"when the fleet has been polled for the first time", 0},
	{"when a tenth of the phones has changed", .1},
	{"when all phones have changed", 1},
}

func TestExporterAndPlainExposeTheSame(t *testing.T) {
	f := newFleet(t, 250)
	exporter, plain := newExporter(f), newPlain(f)
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			if m.changed > 0 {
				f.change(t, m.changed)
			}
			for _, accept := range []string{text, openMetrics, protobuf} {
				for _, encoding := range []string{identity, gzipped} {
					t.Run(accept+" in "+encoding, func(t *testing.T) {
						r := request(encoding, accept)
						compareSeries(t, parse(t, exporter, r), parse(t, plain, r))
					})
				}
			}
		})
	}
}

func TestOtherStoresExposeThePhonesThatPlainDoes(t *testing.T) {
	f := newFleet(t, 250)
	plain, stores := newPlain(f), []peer{newKubeStateMetrics(t, f), newVictoriaMetrics(f)}
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			if m.changed > 0 {
				f.change(t, m.changed)
				for _, s := range stores {
					s.change(t, m.changed)
				}
			}
			if !slices.ContainsFunc(f.phones.known, func(p watch.PhoneOverview) bool { return p.Status == geelark.StatusExpired }) ||
				!slices.ContainsFunc(f.phones.known, func(p watch.PhoneOverview) bool { return p.SubscriptionEnds.IsZero() }) {
				t.Fatal("the fleet has no expired phone or none without a subscription")
			}
			for _, store := range stores {
				for _, encoding := range []string{identity, gzipped} {
					t.Run(store.name+"'s text in "+encoding, func(t *testing.T) {
						r := request(encoding, text)
						got, want := parse(t, store, r), parse(t, plain, r)
						maps.DeleteFunc(want, func(_ string, s *dto.MetricFamily) bool { return !ofPhones(s.GetName()) })
						for _, l := range []series{got, want} {
							for _, s := range l {
								s.Help = nil
							}
						}
						compareSeries(t, got, want)
					})
				}
			}
		})
	}
}

// ofPhones reports whether a family is one that has series for each phone, when
// no lookup fails.
func ofPhones(family string) bool {
	return strings.HasPrefix(family, "geelark_phone_") && !strings.HasPrefix(family, "geelark_phone_lookup_fail") && !strings.HasSuffix(family, "_total")
}

// series are an answer's, by name and labels: each is its family with no other
// metric.
type series map[string]*dto.MetricFamily

func parse(t *testing.T, h http.Handler, r *http.Request) series {
	t.Helper()
	// The text decoder does for OpenMetrics too: it reads counters as untyped.
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	if r.Header.Get("Accept") == acceptHeaders[protobuf] {
		format = expfmt.NewFormat(expfmt.TypeProtoDelim)
	}
	decoder := expfmt.NewDecoder(decoded(t, h, r), format)
	all := make(series)
	for {
		family := new(dto.MetricFamily)
		err := decoder.Decode(family)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range family.GetMetric() {
			slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+strconv.Quote(l.GetValue()))
			}
			name := family.GetName() + "{" + strings.Join(labels, ",") + "}"
			if all[name] != nil {
				t.Errorf("%s is exposed twice", name)
			}
			all[name] = &dto.MetricFamily{Name: family.Name, Help: family.Help, Type: family.Type, Unit: family.Unit, Metric: []*dto.Metric{m}}
		}
	}
}

// compareSeries fails unless both are the same.
func compareSeries(t *testing.T, got, want series) {
	t.Helper()
	if len(want) == 0 {
		t.Error("nothing is exposed")
	}
	for name, s := range want {
		if got[name] == nil {
			t.Errorf("%s is missing", name)
		} else if !proto.Equal(got[name], s) {
			t.Errorf("%s is %v, want %v", name, got[name], s)
		}
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("%s is exposed, and should not be", name)
		}
	}
}
