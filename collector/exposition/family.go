package exposition

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// A Family is a metric family of gauges or of counters whose samples are rendered
// by page.
type Family struct {
	name, help string
	counter    bool // of gauges otherwise
	// order has the labels' places among the values of a sample, by name: that
	// is how a registry orders them.
	order []int
	names []string // in that order
	head  [formats][]byte
	// before has what stands before each label's value in a text format, and
	// before the sample's own.
	before []string
}

// NewFamily declares a family of gauges. Its name and labels must be valid in the
// text format without quoting.
func NewFamily(name, help string, labels ...string) *Family {
	return newFamily(false, name, help, labels)
}

// NewCounterFamily declares a family of counters, as [NewFamily] does one of
// gauges. Its name must end in _total.
func NewCounterFamily(name, help string, labels ...string) *Family {
	return newFamily(true, name, help, labels)
}

func newFamily(counter bool, name, help string, labels []string) *Family {
	f := &Family{name: name, help: help, counter: counter}
	for i := range labels {
		f.order = append(f.order, i)
	}
	slices.SortFunc(f.order, func(i, j int) int { return cmp.Compare(labels[i], labels[j]) })
	prefix := name + "{"
	for _, i := range f.order {
		f.names = append(f.names, labels[i])
		f.before = append(f.before, prefix+labels[i]+`="`)
		prefix = `",`
	}
	if len(labels) == 0 {
		f.before = append(f.before, name+" ")
	} else {
		f.before = append(f.before, `"} `)
	}
	mf := f.message()
	f.head[protobuf], _ = proto.Marshal(mf) // three fields, nothing can fail
	mf.Metric = []*dto.Metric{f.metric(0, make([]string, len(labels)))}
	f.head[text] = comments(mf, expfmt.NewFormat(expfmt.TypeTextPlain))
	f.head[openMetrics] = comments(mf, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	return f
}

// message returns the family without samples.
func (f *Family) message() *dto.MetricFamily {
	kind := dto.MetricType_GAUGE
	if f.counter {
		kind = dto.MetricType_COUNTER
	}
	return &dto.MetricFamily{Name: &f.name, Help: &f.help, Type: kind.Enum()}
}

// metric returns a sample as a message.
func (f *Family) metric(v float64, values []string) *dto.Metric {
	m := &dto.Metric{Gauge: &dto.Gauge{Value: &v}}
	if f.counter {
		m = &dto.Metric{Counter: &dto.Counter{Value: &v}}
	}
	for i, place := range f.order {
		m.Label = append(m.Label, &dto.LabelPair{Name: &f.names[i], Value: &values[place]})
	}
	return m
}

// comments returns the lines before a family's samples.
func comments(mf *dto.MetricFamily, contentType expfmt.Format) []byte {
	var b bytes.Buffer
	_ = expfmt.NewEncoder(&b, contentType).Encode(mf) // a buffer takes everything
	return b.Bytes()[:bytes.LastIndex(b.Bytes(), []byte("\n"+mf.GetName()))+1]
}

// appendHead appends what stands before samples of so many bytes.
func (f *Family) appendHead(b []byte, format format, samples int) []byte {
	if format == protobuf {
		b = protowire.AppendVarint(b, uint64(len(f.head[protobuf])+samples))
	}
	return append(b, f.head[format]...)
}

// appendSample appends a sample. The values are those of the labels in the order
// of their declaration, in UTF-8.
func (f *Family) appendSample(b []byte, format format, v float64, values []string) []byte {
	if len(values) != len(f.order) {
		panic(fmt.Sprintf("%s has %d labels, not %d", f.name, len(f.order), len(values)))
	}
	if format == protobuf {
		return f.appendMetric(b, v, values)
	}
	for i, place := range f.order {
		b = append(b, f.before[i]...)
		b = appendEscaped(b, values[place])
	}
	b = append(b, f.before[len(f.order)]...)
	b = appendValue(b, v, format)
	return append(b, '\n')
}

// appendEscaped escapes a label's value as both text formats do.
func appendEscaped(b []byte, s string) []byte {
	start := 0
	for i := range len(s) {
		var escaped string
		switch s[i] {
		case '\\':
			escaped = `\\`
		case '"':
			escaped = `\"`
		case '\n':
			escaped = `\n`
		default:
			continue
		}
		b = append(append(b, s[start:i]...), escaped...)
		start = i + 1
	}
	return append(b, s[start:]...)
}

// appendValue appends a sample's value. OpenMetrics wants to see that it is a
// float.
func appendValue(b []byte, v float64, format format) []byte {
	switch v {
	case 0: // of either sign
		b = append(b, '0')
	case 1: // most are
		b = append(b, '1')
	default:
		start := len(b)
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
		if bytes.ContainsAny(b[start:], ".eNI") {
			return b
		}
	}
	if format == openMetrics {
		b = append(b, ".0"...)
	}
	return b
}

// The numbers of fields are those of io.prometheus.client's MetricFamily, Metric,
// LabelPair, Gauge and Counter (client_model's metrics.proto).
const (
	familyMetric  = 4
	metricLabel   = 1
	metricGauge   = 2
	metricCounter = 3
	labelName     = 1
	labelValue    = 2
	sampleValue   = 1 // of gauges and of counters
)

func (f *Family) appendMetric(b []byte, v float64, values []string) []byte {
	const sample = 1 + 8 // tag and double
	size := 1 + 1 + sample
	for i, place := range f.order {
		size += sizeOfField(sizeOfLabel(f.names[i], values[place]))
	}
	b = protowire.AppendTag(b, familyMetric, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	for i, place := range f.order {
		b = protowire.AppendTag(b, metricLabel, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(sizeOfLabel(f.names[i], values[place])))
		b = protowire.AppendTag(b, labelName, protowire.BytesType)
		b = protowire.AppendString(b, f.names[i])
		b = protowire.AppendTag(b, labelValue, protowire.BytesType)
		b = protowire.AppendString(b, values[place])
	}
	kind := protowire.Number(metricGauge)
	if f.counter {
		kind = metricCounter
	}
	b = protowire.AppendTag(b, kind, protowire.BytesType)
	b = protowire.AppendVarint(b, sample)
	b = protowire.AppendTag(b, sampleValue, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, math.Float64bits(v))
}

// sizeOfField is the size of a field of bytes with its tag, below 16.
func sizeOfField(n int) int { return 1 + protowire.SizeBytes(n) }

func sizeOfLabel(name, value string) int {
	return sizeOfField(len(name)) + sizeOfField(len(value))
}
