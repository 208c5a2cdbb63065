'use strict';
// Gives each cell of a list the name of its column, which support.css shows on a phone.
document.addEventListener('DOMContentLoaded', function() {
    const names = Array.from(document.querySelectorAll('#result_list thead th'), function(head) {
        const text = head.querySelector('.text');
        return text && !head.classList.contains('action-checkbox-column') ? text.textContent.trim() : '';
    });
    document.querySelectorAll('#result_list tbody tr').forEach(function(row) {
        Array.from(row.cells).forEach(function(cell, at) {
            if (names[at]) { cell.dataset.label = names[at]; }
        });
    });
});
