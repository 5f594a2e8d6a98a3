package browser_test

import (
	"math"
	"testing"
)

// Each status has a colour that differs from those of all others, three times as much as the least that people see
// (0.02 in Oklab), and from what is behind it by the contrast that WCAG wants of graphics.
func TestColoursOfStatuses(t *testing.T) {
	const leastApart, leastContrast = 0.06, 3
	b := newTab(t, start(t, 0))
	b.open("")
	b.wait(`document.querySelector(".signin")`)
	for _, theme := range []string{"light", "dark"} {
		b.theme(theme)
		var seen struct {
			Names   []string
			Colours [][3]float64 // in Oklab
			Behind  map[string][3]float64
		}
		b.eval(`import("/columns.js").then(({STATUSES, statusClass}) => {
			const probe = document.body.appendChild(document.createElement("span"));
			const colour = (value) => {
				probe.style.background = "color-mix(in oklab, " + value + ", " + value + ")";
				return getComputedStyle(probe).backgroundColor.match(/-?[\d.]+(e-?\d+)?/g).slice(0, 3).map(Number);
			};
			const names = [...STATUSES, "others"];
			const colours = names.map((name) => { probe.className = statusClass(name); return colour("var(--c)"); });
			const behind = Object.fromEntries(["--back", "--raised", "--mark"].map((name) => [name, colour("var(" + name + ")")]));
			probe.remove();
			return {names, colours, behind};
		})`, &seen)
		if len(seen.Names) != 17 {
			t.Fatalf("%d colours", len(seen.Names))
		}
		for i, one := range seen.Colours {
			for k, other := range seen.Colours[:i] {
				if apart := math.Sqrt(square(one[0]-other[0]) + square(one[1]-other[1]) + square(one[2]-other[2])); apart < leastApart {
					t.Errorf("%s: %s and %s are only %.3f apart", theme, seen.Names[i], seen.Names[k], apart)
				}
			}
			for name, behind := range seen.Behind {
				if got := contrast(luminance(one), luminance(behind)); got < leastContrast {
					t.Errorf("%s: the contrast of %s and %s is %.2f", theme, seen.Names[i], name, got)
				}
			}
		}
	}
}

func square(x float64) float64 { return x * x }

func cube(x float64) float64 { return x * x * x }

// luminance is that of a colour in Oklab, as WCAG defines it.
func luminance(c [3]float64) float64 {
	l := cube(c[0] + 0.3963377774*c[1] + 0.2158037573*c[2])
	m := cube(c[0] - 0.1055613458*c[1] - 0.0638541728*c[2])
	s := cube(c[0] - 0.0894841775*c[1] - 1.2914855480*c[2])
	return -0.0407745410*l + 1.1124921850*m - 0.0717176440*s
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }
