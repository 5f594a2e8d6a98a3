// Package jdl reads and writes job descriptions in JDL, the text form of
// Condor's ClassAds as DIRAC knows it:
//
//	[ Executable = "echo"; InputData = {"LFN:/lhcb/a", "LFN:/lhcb/b"}; CPUTime = 3600; ]
//
// DIRAC reads a submitted text twice, by different rules, and what it stores
// depends on both. So there are two types here: [Manifest] is the strict first
// reading, [Ad] the second, which is what gets stored. They agree with DIRAC on
// every text that DIRAC can read, its oddities included: there are no comments
// (one becomes part of the next attribute's name), a quote can't be escaped, and a
// text with a comma is a list. Texts that make DIRAC loop forever are [ErrEndless].
//
// An ad may be parametric: [Ad.Expand] makes its jobs of it.
//
// Nothing here panics, and everything takes time linear in the text. What an
// expansion may make of a text is bounded.
package jdl
