"""What the demo shows can be copied."""

import subprocess

from benchmarks import demo


def test_a_command_that_the_demo_shows_runs_when_it_is_copied(capsys, tmp_path):
    (tmp_path / "two words.csv").write_text(
        "user_id,item_id\n" + "".join(f"u{at // 4},i{at % 7}\n" for at in range(80))
    )
    long = ["--user-column", "user_id", "--item-column", "item_id", "--users", "5", "--seed", "42", "--hide", "0.5"]
    demo.run("split", str(tmp_path / "two words.csv"), "-o", str(tmp_path / "split it"), *long, demo.AGAIN)
    (shown,) = [line for line in capsys.readouterr().out.splitlines() if line]
    assert shown.startswith("$ ")
    done = subprocess.run(["bash", "-c", shown.removeprefix("$ ")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "users evaluated" in done.stdout
