package statuspage

import (
	"bytes"
	"fmt"
	"html/template"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// screens are a phone's and a desktop's in both schemes. 320 is the narrowest
// that WCAG 2.2 asks for (1.4.10 Reflow).
var screens = []screen{
	{320, 640, true, "light"},
	{390, 844, true, "dark"},
	{1280, 800, false, "light"},
	{1280, 800, false, "dark"},
}

// TestThePagesInABrowser looks at each page on each screen.
func TestThePagesInABrowser(t *testing.T) {
	browser := startBrowser(t)
	b := newHostileBench(t)
	defer b.watcher.Close()
	b.sims["failing"].Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeHourLimit, Times: 1})
	long := strings.Repeat("long", 50)
	id := b.sims["a"].IDs()[0]
	b.sims["a"].Edit(id, func(p *geelarktest.Phone) {
		p.SerialName, p.Group, p.Tags = p.SerialName+long, p.Group+long, append(p.Tags, long)
	})
	b.scrape()
	server := httptest.NewServer(b)
	defer server.Close()
	for _, path := range []string{"/", "/?q=", "/?account=a&id=" + id, "/?q=" + long, "/config"} {
		for _, s := range screens {
			t.Run(path[:min(len(path), 20)]+" "+s.String(), func(t *testing.T) {
				tab := browser.open(server.URL+path, s)
				if r := tab.requests(); !slices.Equal(r, []string{server.URL + path}) {
					t.Errorf("the browser asked for %s, want the page only", r)
				}
				isWellMade(t, tab, s)
			})
		}
	}
}

// isWellMade fails when a browser or a person would complain about a page.
func isWellMade(t *testing.T, tab *tab, s screen) {
	t.Helper()
	if c := tab.complaints(); len(c) > 0 {
		t.Errorf("the browser complains: %s", c)
	}
	var title string
	if tab.evaluate("document.title", &title); title != "GeeLark exporter" {
		t.Errorf("the title is %q", title)
	}
	var width int
	if tab.evaluate("document.documentElement.scrollWidth", &width); width > s.width {
		t.Errorf("the page is %d wide and scrolls sideways", width)
	}
	var faint []string
	if tab.evaluate(faintText, &faint); len(faint) > 0 {
		t.Errorf("hard to read: %s", strings.Join(faint, "; "))
	}
	look(t, tab.screenshot(false), s)
}

// faintText lists texts whose contrast is below the 4.5 that WCAG 2.2 asks for
// (1.4.3 Contrast, level AA).
const faintText = `(() => {
	const parts = color => color.match(/[\d.]+/g).map(Number)
	const luminance = color => parts(color).slice(0, 3).map(v => v / 255)
		.map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
	const background = e => {
		for (; e; e = e.parentElement) {
			const p = parts(getComputedStyle(e).backgroundColor)
			if (p.length == 3 || p[3] > 0) return getComputedStyle(e).backgroundColor
		}
		return "rgb(255, 255, 255)"
	}
	const faint = []
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	while (texts.nextNode()) {
		const e = texts.currentNode.parentElement
		if (!texts.currentNode.data.trim() || !e.checkVisibility()) continue
		const [a, b] = [getComputedStyle(e).color, background(e)].map(luminance).sort((x, y) => y - x)
		if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(e.outerHTML.slice(0, 80))
	}
	return faint
})()`

// look fails when a picture is blank, or dark in the light scheme or the other
// way round.
func look(t *testing.T, picture []byte, s screen) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size.X != s.width || size.Y != s.height {
		t.Fatalf("the picture is %v", size)
	}
	colors := make(map[[3]uint32]int)
	for y := range s.height {
		for x := range s.width {
			r, g, b, _ := img.At(x, y).RGBA()
			colors[[3]uint32{r >> 8, g >> 8, b >> 8}]++
		}
	}
	if len(colors) < 50 { // text alone has as many, for its edges
		t.Errorf("the picture has %d colors", len(colors))
	}
	r, g, b, _ := img.At(1, 1).RGBA()
	if bright := (r + g + b) / 3 >> 8; bright > 200 != (s.scheme == "light") || bright < 50 != (s.scheme == "dark") {
		t.Errorf("the page's brightness is %d", bright)
	}
}

// TestNoScriptOfAHostileNameRuns is about what the escaping of names and the
// policy each keep off: the same names as markup do run without either.
func TestNoScriptOfAHostileNameRuns(t *testing.T) {
	browser := startBrowser(t)
	b := newHostileBench(t)
	defer b.watcher.Close()
	b.scrape()
	markup := fmt.Sprintf(`<!DOCTYPE html><title>GeeLark exporter</title><p>%s</p>`, strings.Join(hostile[:2], " "))
	mux := http.NewServeMux()
	mux.Handle("/", b)
	mux.HandleFunc("/markup", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, markup) })
	mux.HandleFunc("/markup-under-the-policy", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", b.get("/").Header().Get("Content-Security-Policy"))
		fmt.Fprint(w, markup)
	})
	mux.HandleFunc("/text-without-the-policy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(b.get("/?account=a&q=").Body.Bytes())
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, want := range map[string]string{
		"/markup":                  "owned",
		"/markup-under-the-policy": "GeeLark exporter",
		"/text-without-the-policy": "GeeLark exporter",
		"/?account=a&q=":           "GeeLark exporter",
	} {
		tab := browser.open(server.URL+path, screens[0])
		var title string
		if tab.evaluate("document.title", &title); title != want {
			t.Errorf("%s: the title is %q, want %q", path, title, want)
		}
		var shown bool
		tab.evaluate(`document.body.innerText.includes("<script>")`, &shown)
		if names := !strings.HasPrefix(path, "/markup"); shown != names {
			t.Errorf("%s: hostile names show as text: %t, want %t", path, shown, names)
		}
	}
}

func TestTheFormSearchesInABrowser(t *testing.T) {
	browser := startBrowser(t)
	b := newBench(t, 30, newConfig("farm"))
	defer b.watcher.Close()
	b.scrape()
	server := httptest.NewServer(b)
	defer server.Close()
	tab := browser.open(server.URL+"/", screens[1])
	var ignored any
	tab.evaluate(`document.querySelector("[name=q]").value = "`+template.JSEscapeString(b.sims["farm"].IDs()[7])+`"; document.querySelector("form").requestSubmit(); 0`, &ignored)
	browser.wait("the answer to the form", func() bool { return len(tab.seen("Page.loadEventFired")) > 1 })
	var heading string
	if tab.evaluate(`document.querySelector("h2").innerText`, &heading); heading != "One phone matches." {
		t.Errorf("the form leads to %q", heading)
	}
}

// TestPicture writes the README's picture when it is told to update.
func TestPicture(t *testing.T) {
	if !*update {
		info, err := os.Stat("statuspage.png")
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 150_000 {
			t.Errorf("the picture has %d bytes: a README should load quickly", info.Size())
		}
		return
	}
	browser := startBrowser(t)
	b := newBench(t, 250, newConfig("default"))
	defer b.watcher.Close()
	b.scrape()
	time.Sleep(time.Second)
	server := httptest.NewServer(b)
	defer server.Close()
	picture := browser.open(server.URL+"/", screen{1000, 700, false, "light"}).screenshot(true)
	if err := os.WriteFile("statuspage.png", picture, 0o644); err != nil { //nolint:gosec // it is for everybody
		t.Fatal(err)
	}
}
