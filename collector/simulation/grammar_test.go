package simulation

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A wrong is one way in which an answer is wrong.
type wrong struct {
	name string
	with geelarktest.Fault
	// outcome is how each request counts; "": not said.
	outcome string
	// whole is whether nothing of the answer can be used.
	whole bool
	// repeated is whether asking again at once may help.
	repeated bool
	// field is the field that is wrong, "" if it is none.
	field string
	// everything is whether it concerns all APIs.
	everything bool
	// unsent is whether requests do not reach the API.
	unsent bool
	// road is what is wrong on the way to the API, "" for nothing.
	road string
}

// planted stands where it must not be passed on from.
const planted = "PLANTED-c0ffee"

// transportWrongs are those of connections and of HTTP.
func transportWrongs() (all []wrong) {
	add := func(name, outcome string, repeated bool, f geelarktest.Fault) {
		all = append(all, wrong{name: name, with: f, outcome: outcome, whole: true, repeated: repeated})
	}
	rewrite := func(change func(*geelarktest.Reply)) geelarktest.Fault { return geelarktest.Fault{Rewrite: change} }
	header := func(name, value string) geelarktest.Fault {
		return rewrite(func(r *geelarktest.Reply) { r.Header.Set(name, value) })
	}
	add("connection reset", "connection", true, geelarktest.Fault{Drop: true})
	add("no answer", "timeout", true, geelarktest.Fault{Hang: true})
	add("answer after the timeout", "timeout", true, geelarktest.Fault{Latency: 6 * time.Second})
	for _, cut := range []int{1, 10, 40} {
		add(fmt.Sprintf("%d bytes missing", cut), "connection", true, rewrite(func(r *geelarktest.Reply) { r.Cut = min(cut, len(r.Body)) }))
	}
	for status := 201; status < 600; status++ {
		if http.StatusText(status) == "" && status%50 != 1 || status == http.StatusTooManyRequests {
			continue
		}
		for _, body := range []string{"", "<html>" + planted, `{"code":0,"msg":"` + planted + `","data":{}}`} {
			add(fmt.Sprintf("status %d with %d bytes", status, len(body)), strconv.Itoa(status), status >= 500,
				geelarktest.Fault{HTTPStatus: status, Body: []byte(body)})
		}
	}
	add("a redirect to nowhere", "malformed", false, rewrite(func(r *geelarktest.Reply) {
		r.Status = http.StatusFound
		r.Header.Set("Location", "http://"+planted+"%zz")
	}))
	for _, encoding := range []string{"gzip", "x-gzip", "deflate", "br", planted} {
		add("content encoding "+encoding+" of plain text", "malformed", false, header("Content-Encoding", encoding))
	}
	compressed := func(change func([]byte) []byte) geelarktest.Fault {
		return rewrite(func(r *geelarktest.Reply) {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(r.Body)
			_ = z.Close()
			r.Body = change(b.Bytes())
			r.Header.Set("Content-Encoding", "gzip")
		})
	}
	add("gzip cut", "malformed", false, compressed(func(b []byte) []byte { return b[:len(b)-9] }))
	add("gzip of another checksum", "malformed", false, compressed(func(b []byte) []byte { b[len(b)-6] ^= 1; return b }))
	add("an answer of five megabytes", "too_large", false, rewrite(func(r *geelarktest.Reply) { r.Body = bytes.Repeat([]byte(" "), 5<<20) }))
	add("gzip of five megabytes", "too_large", false, rewrite(func(r *geelarktest.Reply) {
		r.Body = bytes.Repeat([]byte(" "), 5<<20)
		compressed(func(b []byte) []byte { return b }).Rewrite(r)
	}))
	// What is odd and harmless.
	for _, h := range [][2]string{
		{"Date", "yesterday"},
		{"Date", "Thu, 01 Jan 1970 00:00:00 GMT"},
		{"Date", ""},
		{"Content-Type", "text/" + planted},
		{"X-" + planted, planted},
		{"Set-Cookie", planted},
		{"Retry-After", "3600"},
	} {
		all = append(all, wrong{name: "header " + h[0] + " " + h[1], with: header(h[0], h[1]), outcome: "0"})
	}
	return all
}

// documentWrongs are those of what should be JSON.
func documentWrongs() (all []wrong) {
	add := func(name string, change func(*geelarktest.Reply)) {
		all = append(all, wrong{name: name, with: geelarktest.Fault{Rewrite: change}, outcome: "malformed", whole: true})
	}
	for _, text := range []string{
		"", " ", "null", "true", "0", `"` + planted + `"`, "[]", "[{}]", "{}", "{", "}", `{"code"`, `{"code":`, `{"code":0`, `{"code":0,`, `{"code":0}}`,
		`{"code":0,"data":null}`, `{"data":{}}`, "<html>" + planted, planted, "\xef\xbb\xbf{}", "\xff\xfe{\x00}\x00", "{\"code\":0,\"data\":{}}\x00",
		`{'code':0}`, `{code:0}`, `{"code":00,"data":{}}`, `{"code":+0,"data":{}}`, `{"code":0,"data":{},}`, `{"code":0 "data":{}}`, `{"code":NaN,"data":{}}`,
		`// ` + planted, strings.Repeat("[", 100_000), strings.Repeat(`{"data":`, 50_000), `{"code":0,"data":{"items":` + strings.Repeat("[", 50_000),
	} {
		add(fmt.Sprintf("the answer is %.20q of %d bytes", text, len(text)), func(r *geelarktest.Reply) { r.Body = []byte(text) })
	}
	for i := range 20 {
		add(fmt.Sprintf("the answer is cut at %d of 20", i), func(r *geelarktest.Reply) { r.Body = r.Body[:len(r.Body)*i/20] })
	}
	for _, tail := range []string{"x", "{}", ",", "\x00", planted} {
		add(fmt.Sprintf("%q behind the answer", tail), func(r *geelarktest.Reply) { r.Body = append(r.Body, tail...) })
	}
	return all
}

// codeWrongs are the codes that an envelope may have, with data and without.
func codeWrongs() (all []wrong) {
	for _, c := range slices.Concat(geelark.Codes(), []geelark.Code{-1, 1, 200, 40099, 99999}) {
		if c == geelark.CodeOK || pauses(c) {
			continue
		}
		repeated := c == geelark.CodeUnknown || c == geelark.CodeTooManyRequests || c == geelark.CodeInternal
		all = append(all, wrong{name: fmt.Sprintf("code %d", c), with: geelarktest.Fault{Code: c, Message: "msg"}, outcome: strconv.Itoa(int(c)), whole: true, repeated: repeated})
		all = append(all, wrong{name: fmt.Sprintf("code %d with data", c), with: geelarktest.Fault{Code: c, WithData: true}, outcome: strconv.Itoa(int(c)), whole: c != geelark.CodePartial && c != geelark.CodeBatchFailed, repeated: repeated})
	}
	return all
}

func pauses(c geelark.Code) bool {
	return c == geelark.CodeRateLimited || c == geelark.CodeHourLimit || c == geelark.CodeCrowded
}

// values stand in the place of a field's own. Those of broken are no JSON.
var (
	values = []string{
		"null", `""`, `"x"`, `"7"`, `"2"`, "0", "-1", "2", "1.5", "10.0", "1e3", "1e400", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
		"true", "false", "[]", "{}", "[null]", `[{}]`, `{"name":null}`, `["` + "x" + `"]`, `"` + strings.Repeat("x", 70_000) + `"`,
		`"\"}{\\ \n#\u2028\u0000<script>"`, "\"\xff\xfe\"", strings.Repeat("[", 2000) + strings.Repeat("]", 2000),
	}
	broken = []string{"nan", "'x'", "01", "tru", "\x01", `"\x"`, "--1"}
)

const mark = "the place of the field"

// fieldWrongs are those of every field of a sound answer.
func fieldWrongs(answer []byte) (all []wrong) {
	for _, field := range fieldsOf(answer) {
		replaced := func(text string) geelarktest.Fault {
			return geelarktest.Fault{Rewrite: func(r *geelarktest.Reply) {
				geelarktest.Set(field, mark)(r)
				r.Body = bytes.ReplaceAll(r.Body, []byte(strconv.Quote(mark)), []byte(text))
			}}
		}
		all = append(all, wrong{name: field + " is missing", with: geelarktest.Fault{Rewrite: geelarktest.Omit(field)}, field: field})
		for _, v := range values {
			all = append(all, wrong{name: fmt.Sprintf("%s is %.20s (%d)", field, v, len(v)), with: replaced(v), field: field})
		}
		for _, v := range broken {
			all = append(all, wrong{name: field + " is " + strconv.Quote(v), with: replaced(v), outcome: "malformed", whole: true, field: field})
		}
	}
	return all
}

// fieldsOf returns the paths of an answer's fields, of lists those of the first
// item.
func fieldsOf(answer []byte) (fields []string) {
	var v any
	if err := json.Unmarshal(answer, &v); err != nil {
		panic(err)
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				p := strings.TrimPrefix(path+"."+name, ".")
				fields = append(fields, p)
				walk(p, v[name])
			}
		case []any:
			if len(v) > 0 {
				walk(path+".0", v[0])
			}
		}
	}
	walk("", v)
	return fields
}
