from srgan_keras.tables import markdown_table


def test_a_table_has_a_line_for_each_row():
    assert markdown_table(["a", "b"], [(1, "two")]) == "| a | b |\n| --- | --- |\n| 1 | two |\n"


def test_a_bar_and_a_line_break_stay_in_their_cell():
    table = markdown_table(["a"], [["left|right\nbelow"]])
    assert table == "| a |\n| --- |\n| left\\|right below |\n"


def test_columns_line_up_where_asked():
    table = markdown_table(["a", "b"], [("long", 1)], align=True)
    assert table == "| a    | b |\n| ---- | - |\n| long | 1 |\n"
