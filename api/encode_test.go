package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
)

func FuzzText(f *testing.F) {
	for _, text := range []string{"", "plain", `"\/`, "\x00\x1f\x7f", "é\u2028日\U0001f600", "\xff\xc3", "<&>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got, want string
		ours := appendText(nil, text)
		theirs, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(ours, &got); err != nil {
			t.Fatalf("%q: %s: %v", text, ours, err)
		}
		if err := json.Unmarshal(theirs, &want); err != nil || got != want {
			t.Errorf("%q: %s is %q, want %q", text, ours, got, want)
		}
	})
}

// Fields are in quotes where encoding/csv has them.
func FuzzField(f *testing.F) {
	for _, text := range []string{"", "plain", `\.`, `a,"b"`, " x", "\tx", "a\r\nb", "é\u2028", "\xff\xc3", "\u00a0x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var theirs strings.Builder
		w := csv.NewWriter(&theirs)
		if err := w.Write([]string{"1", strings.ToValidUTF8(text, "\ufffd")}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		ours := string(appendCSV(nil, []int{1, 0}, []any{text, int64(1)}))
		got, err := csv.NewReader(strings.NewReader(ours)).Read()
		want, wantErr := csv.NewReader(strings.NewReader(theirs.String())).Read()
		if err != nil || wantErr != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q %v, encoding/csv has %q %v", text, ours, err, theirs.String(), wantErr)
		}
	})
}

func FuzzTime(f *testing.F) {
	f.Add(int64(0), int64(0))
	f.Add(int64(1704103200), int64(123456000))
	f.Add(int64(-62135596800), int64(1000))
	f.Fuzz(func(t *testing.T, seconds, nanoseconds int64) {
		const year1, year10000 = -62135596800, 253402300800
		if seconds < year1 || seconds >= year10000 {
			t.Skip("a year that no database holds")
		}
		at := time.Unix(seconds, (nanoseconds%1e9+1e9)%1e9).UTC()
		if at.Year() > 9999 {
			t.Skip("as above")
		}
		for _, utc := range []string{zulu, zeroOffset} {
			text := string(appendTime(nil, at, utc))
			got, err := time.Parse(`"`+time.RFC3339Nano+`"`, text)
			if err != nil || !got.Equal(at.Truncate(time.Microsecond)) {
				t.Errorf("%v became %s: %v", at, text, err)
			}
			fraction := strings.IndexByte(text, '.')
			if micro := at.Nanosecond() / 1000; (micro == 0) != (fraction < 0) || micro != 0 && fraction+7+len(utc)+1 != len(text) {
				t.Errorf("%s has neither six digits nor none", text)
			}
		}
	})
}

// Random pages are, decoded, what encoding/json makes of them.
func TestAppendRows(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	columns := jobdb.Columns()
	for range 200 {
		rows, want := make([][]any, random.IntN(4)), []map[string]any{}
		for i := range rows {
			object := map[string]any{}
			for _, c := range columns {
				value, json := randomValue(random, c.Kind())
				rows[i] = append(rows[i], value)
				object[c.Name()] = json
			}
			count := random.Int64()
			rows[i] = append(rows[i], count)
			object["count"] = json.Number(strconv.FormatInt(count, 10))
			want = append(want, object)
		}
		text := appendRows(nil, columns, true, rows, zulu)
		got := []map[string]any{}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestAppendTime(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	times := []time.Time{{}, time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 999, time.FixedZone("", 3600))}
	for range 10_000 {
		times = append(times, time.Unix(random.Int64N(1<<37), random.Int64N(1_000_000)*int64(random.IntN(2))*1000))
	}
	for _, at := range times {
		layout := "2006-01-02T15:04:05.000000Z"
		if at.Nanosecond() < 1000 {
			layout = "2006-01-02T15:04:05Z"
		}
		if got, want := string(appendTime(nil, at, zulu)), strconv.Quote(at.UTC().Format(layout)); got != want {
			t.Fatalf("%s, not %s", got, want)
		}
	}
}

// randomValue returns a value as the database gives it, and as JSON has it.
func randomValue(random *rand.Rand, kind jobdb.Kind) (value, asJSON any) {
	switch kind {
	case jobdb.KindInteger:
		n := random.Int64() - random.Int64()
		return n, json.Number(strconv.FormatInt(n, 10))
	case jobdb.KindTime:
		if random.IntN(2) == 0 {
			return nil, nil
		}
		at := time.Unix(random.Int64N(1<<33), 0).UTC()
		return at, at.Format("2006-01-02T15:04:05Z")
	case jobdb.KindVerified:
		b := random.IntN(2) == 0
		return b, b
	case jobdb.KindAccounted:
		switch random.IntN(3) {
		case 0:
			return jobdb.AccountedFailed, "Failed"
		case 1:
			return jobdb.AccountedTrue, true
		}
		return jobdb.AccountedFalse, false
	default: // a text; no column of Jobs is a decimal
	}
	runes := make([]rune, random.IntN(6))
	for i := range runes {
		runes[i] = []rune{'"', '\\', '\n', 0x1f, 'a', 'é', 0x2028, 0x1f600, '<', 0x7f}[random.IntN(10)]
	}
	return string(runes), string(runes)
}
