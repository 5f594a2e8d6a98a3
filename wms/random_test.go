package wms

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// randomJDLs are pieces of JDLs in any order: most are broken somehow.
func randomJDLs(n int) []string {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{
		`Executable = "echo";`, `A`, `B`, `=`, `=`, `;`, `;`, `"x"`, `"y, z"`, `"`, `{`, `}`, `[`, `]`, `,`, ` `, "\n", `5`, `1.5`, `/`, `%j`,
		`Site = "a,b";`, `InputData = {"c", "d"};`, `C = [ D = 1; ];`, `E = {"f", "g"};`, `JobName = "n";`, `Priority = 4;`,
		`Parameters = 2;`, `Platform = {`, `[1]`, `];`, `é`,
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = randomText(random, pieces, 1+random.IntN(8))
	}
	return texts
}

func randomText(random *rand.Rand, pieces []string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(pieces[random.IntN(len(pieces))])
	}
	return b.String()
}

// randomParametric are parametric JDLs of any form; about half are broken somehow.
func randomParametric(n int) []string {
	random := rand.New(rand.NewPCG(3, 4))
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	id := func() string { return one("", "", "", ".A", ".B", ".C", ".0", "X") }
	item := func() string {
		return one("a", `"b"`, `" c d "`, "5", "1.50", `{"e", "f"}`, "{g}", `"%s"`, `"%(A)s"`, `"%n"`, `""`, `"é"`, `"h=i"`, `"j;"`, `"{k"`, `"l"m`)
	}
	number := func() string {
		return one("0", "1", "2", "-3", "10", `"7"`, "0.5", "-0.1", "1e3", "1e-7", "1e300", "inf", "nan", "1_0", "12345678901234567890", "x", "")
	}
	place := func() string {
		return one("%s", "%n", "%(A)s", "%(B)s", "%(C)s", "%(0)s", "%(X)s", "%j", "x", ",", " ", "{", "}", "%")
	}
	texts := make([]string, n)
	for i := range texts {
		length := 1 + random.IntN(4)
		parts := []string{one("Parameters = "+fmt.Sprint(length), "Parameters = "+fmt.Sprint(length), `Executable = "x"`)}
		for range random.IntN(4) {
			items := make([]string, max(1, length-random.IntN(12)/11))
			for j := range items {
				items[j] = item()
			}
			parts = append(parts, "Parameters"+id()+" = {"+strings.Join(items, ", ")+"}")
		}
		for range random.IntN(4) {
			parts = append(parts, "Parameter"+one("Start", "Step", "Factor")+id()+" = "+number())
		}
		for range 1 + random.IntN(4) {
			value := place() + place() + place()
			parts = append(parts, one("Arguments", "JobName", "InputData", "A", "B")+" = "+one(`"`+value+`"`, `{"`+value+`", "z"}`, "{"+value+"}", value, `[ D = "`+value+`"; ]`))
		}
		random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		texts[i] = strings.Join(parts, "; ") + ";"
	}
	return texts
}
