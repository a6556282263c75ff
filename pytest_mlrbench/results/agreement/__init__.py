"""How far judges agree with people, with each other and with themselves; `mlrbench agreement` calls these modules.

`sheets` reads review sheets, `joining` and `human` compare judges with people, `panel`, `bias` and `report` compare the judges of
runs, `people` their lists of hallucinations with people's labels, `template` makes the form that people fill in, `told` puts it all
into words.
"""
